/** Where the time of a task has gone: each millisecond is in one phase of one attempt, by the broker's times of its events. */
import type { Phase } from '@vm-task/api/tasks';

export interface AttemptTimes {
  readonly number: number;
  /** Both null for an attempt that never had one. */
  readonly vm: string | null;
  readonly startedAt: number | null;
  readonly setupDoneAt: number | null;
  readonly endedAt: number | null;
}

export interface TaskTimes {
  readonly createdAt: number;
  readonly completedAt: number | null;
  /** Of the last attempt, by the guest's clock. */
  readonly processMs: number | null;
  /** It waits for somebody's answer, and never has a VM. */
  readonly isQuestion: boolean;
  /** In order. */
  readonly attempts: readonly AttemptTimes[];
}

/** Those that are over, in order, without those that took no time. Of a task that has ended they are `totalMs` together. */
export function phasesOf({ createdAt, completedAt, processMs, isQuestion, attempts }: TaskTimes): Phase[] {
  const lap = createLaps(createdAt, completedAt);
  const waiting = isQuestion ? 'answer' : 'queued';
  const last = attempts.at(-1);
  const phases = attempts.flatMap(({ number: attempt, vm, startedAt, setupDoneAt, endedAt }): Phase[] => {
    if (vm === null || startedAt === null) return [{ attempt, phase: waiting, ms: lap(endedAt) }];
    const from = lap.at;
    const waitedMs = lap(startedAt);
    const vmMs = Math.min(waitedMs, vmReadyMs(from, vm, startedAt));
    const ofSetup = lap(setupDoneAt ?? endedAt);
    const inVm = lap(endedAt);
    const runMs = attempt === last?.number && processMs !== null ? Math.min(inVm, Math.round(processMs)) : inVm;
    return [
      { attempt, phase: 'queued', ms: waitedMs - vmMs },
      { attempt, phase: 'vm', ms: vmMs },
      { attempt, phase: 'setup', ms: ofSetup },
      { attempt, phase: 'run', ms: runMs },
      { attempt, phase: 'overhead', ms: inVm - runMs },
    ];
  });
  // Ended while it waited for another attempt, or in an event that cannot be read here.
  const rest: Phase = { attempt: (last?.number ?? 0) + 1, phase: waiting, ms: lap(completedAt) };
  return [...phases, rest].filter(({ ms }) => ms > 0);
}

/** How long a VM took to be made: the clocks of host and broker may differ, so the time in its id counts only inside the wait. */
export function vmReadyMs(waitedFrom: number, vm: string, startedAt: number): number {
  const mintedAt = mintedAtMs(vm);
  return mintedAt < waitedFrom ? 0 : Math.max(0, startedAt - mintedAt);
}

/** The time in a VM id, `vm-` and a UUIDv7. */
function mintedAtMs(vm: string): number {
  return Number.parseInt(vm.slice('vm-'.length).replaceAll('-', '').slice(0, 12), 16);
}

interface Laps {
  /** From the last lap to this time, which may not have come (null) and may be set back: 0 then. */
  (until: number | null): number;
  /** Where the last lap ended. */
  readonly at: number;
}

function createLaps(from: number, end: number | null): Laps {
  const laps = Object.assign(
    (until: number | null): number => {
      const begun = laps.at;
      laps.at = Math.max(begun, Math.min(until ?? begun, end ?? Number.POSITIVE_INFINITY));
      return laps.at - begun;
    },
    { at: from },
  );
  return laps;
}
