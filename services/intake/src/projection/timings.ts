/** How long a task took, from the broker's times of its events. */
import type { Timings } from '@vm-task/api/tasks';
import { phasesOf, type TaskTimes, vmReadyMs } from './phases.ts';

export function timingsOf(times: TaskTimes): Timings {
  const { createdAt, completedAt, processMs, attempts } = times;
  const [first] = attempts.flatMap(({ vm, startedAt }) =>
    vm === null || startedAt === null ? [] : [{ vm, startedAt }],
  );
  const last = attempts.at(-1);
  const setupDoneAt = last?.setupDoneAt ?? null;
  return {
    queuedMs: first === undefined ? null : first.startedAt - createdAt,
    vmReadyMs: first === undefined ? null : vmReadyMs(createdAt, first.vm, first.startedAt),
    setupMs: between(last?.startedAt ?? null, setupDoneAt),
    runMs: processMs ?? between(setupDoneAt, completedAt),
    // A broker's clock that was set back makes no time negative.
    totalMs: completedAt === null ? null : Math.max(0, completedAt - createdAt),
    phases: phasesOf(times),
  };
}

function between(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : to - from;
}
