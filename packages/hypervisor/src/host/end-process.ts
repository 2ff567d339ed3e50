import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../ledger/process-ref.ts';
import type { Leftover } from '../ledger/quarantine.ts';
import type { ProcessRef } from '../ledger/vm-record.ts';

/** A killed QEMU gives its memory back in milliseconds; a host that swaps takes longer, and what takes more is stuck. */
const goneLimitMs = 10_000;
const firstPauseMs = 1;
const longestPauseMs = 50;

/**
 * Nothing once the process is gone. It is killed, not asked: there is nothing in a VM that has to be saved, and a stopped
 * process would not hear. Nothing is stronger than that: what the kernel itself holds is left, with the reason.
 */
export async function endProcess(process: ProcessRef): Promise<Leftover[]> {
  const giveUpAt = performance.now() + goneLimitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    if (!isRunning(process)) return [];
    const isOurs = kill(process.pid);
    if (!isOurs || performance.now() > giveUpAt) return [processLeft(process, isOurs)];
    await delay(pauseMs);
  }
}

/** States in which a killed process stays, and the words of proc(5) for them. */
const states: Readonly<Record<string, string>> = {
  D: 'D, waiting for a device or a frozen control group',
  Z: 'Z, while another thread of it is still ending',
};

function processLeft({ pid }: ProcessRef, isOurs: boolean): Leftover {
  if (!isOurs) return { kind: 'process', what: String(pid), why: "another user's, whom only root can end it for" };
  const state = /^State:\s+(\S)/m.exec(contents(`/proc/${pid}/status`))?.[1] ?? 'unknown';
  const held = contents(`/proc/${pid}/wchan`);
  const where = held === '' || held === '0' ? '' : `, in the kernel's ${held}`;
  const why = `killed for ${goneLimitMs / 1_000} s, still in state ${states[state] ?? state}${where}; see /proc/${pid}/stack`;
  return { kind: 'process', what: String(pid), why };
}

/** Empty for a process that has gone meanwhile, or is another user's to look at. */
function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** False when it is another user's; one that has gone is as good as killed. */
function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM') return false;
    if (code !== 'ESRCH') throw error;
  }
  return true;
}
