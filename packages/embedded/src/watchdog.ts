/**
 * Whether a service still turns its event loop. It says so every second by its IPC channel; the supervisor counts the
 * time in which it hears nothing, in steps of its own: while the host is suspended or everything is stopped, nobody
 * counts, and one long step is no longer than any other.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

const stepMs = 500;
/** The longest turn that a service may need. What it does at once is bounded to a fraction of that. */
const silentMaxMs = 10_000;

export const blockedReason = `its event loop did not turn for ${silentMaxMs / 1_000} s`;

/** What has been counted. A service that was not heard yet is starting, and is not counted. */
export type Silence = number | null;

/** One step later. `isStopped`: somebody has stopped the process, which is no fault of its own. */
export function countSilence(silence: Silence, isStopped: boolean): Silence {
  return silence === null || isStopped ? silence : silence + stepMs;
}

export function isBlocked(silence: Silence): boolean {
  return silence !== null && silence >= silentMaxMs;
}

/** Calls `onBlocked` once if the child goes silent; ends with the child. */
export function watchChild(child: ChildProcess, onBlocked: () => void): void {
  let silence: Silence = null;
  child.on('message', () => {
    silence = 0;
  });
  const timer = setInterval(() => {
    silence = countSilence(silence, isStopped(child.pid));
    if (!isBlocked(silence)) return;
    clearInterval(timer);
    onBlocked();
  }, stepMs);
  child.once('exit', () => clearInterval(timer));
}

/** Stopped by a signal, or by a debugger. */
function isStopped(pid: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return ['T', 't'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '');
  } catch {
    return true;
  }
}
