import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../ledger/process-ref.ts';
import type { ProcessRef } from '../ledger/vm-record.ts';

/** A killed QEMU gives its memory back in milliseconds; a host that swaps takes longer. */
const goneLimitMs = 20_000;
const firstPauseMs = 1;
const longestPauseMs = 50;

/** True once the process is gone. It is killed, not asked: there is nothing in a VM that has to be saved, and a stopped process would not hear. */
export async function endProcess(process: ProcessRef): Promise<boolean> {
  const giveUpAt = performance.now() + goneLimitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    if (!isRunning(process)) return true;
    if (performance.now() > giveUpAt) return false;
    kill(process.pid);
    await delay(pauseMs);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
