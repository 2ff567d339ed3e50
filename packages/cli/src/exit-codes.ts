/**
 * Exit codes of `vm-task`. `run` ends as the task's process did; the codes from 124 on say that it did not get that
 * far, as `timeout(1)` and `docker run` do.
 */
import { constants } from 'node:os';
import type { TaskSummary } from '@vm-task/client/views';

export const exitCodes = {
  /** A command failed; for `audit`: something leaked; for `doctor`: a check fails. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  timedOut: 124,
  /** The task could not be run, or not to its end: refused, no VM, setup failed, VM lost, what it left not taken. */
  notRun: 125,
  cancelled: 130,
} as const;

/** The process's own code, 128 + n when signal n ended it; 0 only for a task that succeeded. */
export function exitCodeOf(
  task: Pick<TaskSummary, 'outcome' | 'exitCode'> & { readonly signal?: string | null },
): number {
  if (task.outcome === 'timed_out') return exitCodes.timedOut;
  if (task.outcome === 'cancelled') return exitCodes.cancelled;
  if (task.exitCode === 0) return task.outcome === 'succeeded' ? 0 : exitCodes.notRun;
  if (task.exitCode !== null) return task.exitCode;
  const signal = task.signal === null || task.signal === undefined ? undefined : signalNumber(task.signal);
  return signal === undefined ? exitCodes.notRun : 128 + signal;
}

function signalNumber(name: string): number | undefined {
  return (constants.signals as Record<string, number | undefined>)[name.startsWith('SIG') ? name : `SIG${name}`];
}
