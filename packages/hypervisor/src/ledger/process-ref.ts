/** Processes by number and start: a number alone is used again, and then names somebody else. */
import { readFileSync } from 'node:fs';
import type { ProcessRef } from './vm-record.ts';

/** This process, for the record of what it is about to make. */
export function thisProcess(): ProcessRef {
  const ref = processRef(process.pid);
  if (ref === null) throw new Error('/proc does not show this process');
  return ref;
}

/** The process that has the number now; null when there is none, or only its zombie. */
export function processRef(pid: number): ProcessRef | null {
  const startTicks = startTicksOf(pid);
  return startTicks === null ? null : { pid, startTicks };
}

/** True while exactly that process exists and has not ended (a zombie has, once its last thread has: until then its files and ports are held). */
export function isRunning({ pid, startTicks }: ProcessRef): boolean {
  return startTicksOf(pid) === startTicks;
}

/** When the process started, in clock ticks since boot; null when there is none, or only its zombie. */
export function startTicksOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, field 2, may hold anything; the last parenthesis ends it. Field 3 follows; 20 is the number of threads, 22 the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const hasEnded = (fields[0] === 'Z' || fields[0] === 'X') && Number(fields[17]) <= 1;
    return hasEnded ? null : Number(fields[19]);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}
