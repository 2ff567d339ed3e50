/** Processes as /proc shows them: told apart by pid and start time, so that a reused pid is never taken for ours. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { services } from '@vm-task/shared/flow';
import type { Home } from '@vm-task/shared/home';

export interface ProcessRef {
  readonly pid: number;
  /** Clock ticks between boot and start: field 22 of `/proc/<pid>/stat`. */
  readonly startTicks: number;
}

/** Null when there is no such process. A zombie counts as gone: it holds nothing any more. */
export function processRef(pid: number): ProcessRef | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name, in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : { pid, startTicks: Number(fields[19]) };
  } catch {
    return null;
  }
}

export function isSameProcess(ref: ProcessRef): boolean {
  return processRef(ref.pid)?.startTicks === ref.startTicks;
}

/** Services and nats-servers of this home: their command lines name it as an argument of its own. */
export function processesOf(home: Home): readonly ProcessRef[] {
  const found: ProcessRef[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || !belongsTo(home, argumentsOf(pid))) continue;
    const ref = processRef(pid);
    if (ref !== null) found.push(ref);
  }
  return found;
}

const serviceMain = new RegExp(`/services/(${services.join('|')})/src/main\\.ts$`);

function belongsTo(home: Home, args: readonly string[]): boolean {
  if (args.includes(join(home.nats, 'nats.conf'))) return true;
  return args.includes(home.root) && args.some((argument) => serviceMain.test(argument));
}

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Sends the signal unless the process has ended. */
export function signalProcess(ref: ProcessRef, signal: NodeJS.Signals): void {
  if (!isSameProcess(ref)) return;
  try {
    process.kill(ref.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const pollMs = 50;

/** True once the process is gone; false when it is still there after `limitMs`. */
export async function waitGone(ref: ProcessRef, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (isSameProcess(ref)) {
    if (performance.now() >= end) return false;
    await delay(pollMs);
  }
  return true;
}

/** SIGTERM, then SIGKILL after `graceMs`; resolves when the process is gone. */
export async function stopProcess(ref: ProcessRef, graceMs: number): Promise<void> {
  signalProcess(ref, 'SIGTERM');
  // A stopped process takes its SIGTERM only once it goes on.
  signalProcess(ref, 'SIGCONT');
  if (await waitGone(ref, graceMs)) return;
  signalProcess(ref, 'SIGKILL');
  await waitGone(ref, graceMs);
}
