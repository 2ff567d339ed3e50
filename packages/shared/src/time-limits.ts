/** The limits of a task's time while it has a VM: its runner stops it there, and the reaper ends it when no runner has. */
import { formatDuration } from './durations.ts';
import type { ErrorInfo } from './errors.ts';
import type { TaskSpec } from './task-spec.ts';

export type TimeLimit = 'setup' | 'run' | 'total';

/** Past the grace between SIGTERM and SIGKILL: what a runner may take to stop a process, to keep its files and to report it. */
const runnerAnswerMs = 30_000;

/** So long after a limit, or a cancelling, a runner that is there has ended the task. */
export function runnerPatienceMs({ cancel }: { readonly cancel: { readonly grace: number } }): number {
  return cancel.grace + runnerAnswerMs;
}

/** What is said of a task that was ended because of it. */
export function timeLimitError(limit: TimeLimit, { setupMs, runMs, totalMs }: TaskSpec['timeouts']): ErrorInfo {
  switch (limit) {
    case 'setup': {
      const message = `the setup steps took longer than ${formatDuration(setupMs)}: raise timeouts.setup, or have the image bring what they install`;
      return { code: 'timed-out-setup', message };
    }
    case 'run': {
      const message = `the process ran longer than ${formatDuration(runMs)}: raise timeouts.run, or give it less to do`;
      return { code: 'timed-out-run', message };
    }
    case 'total': {
      const message = `the task took longer than ${formatDuration(totalMs)} from its submission on: raise timeouts.total`;
      return { code: 'timed-out-total', message };
    }
  }
}
