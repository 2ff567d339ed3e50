/** How long each phase of a task took, from the broker's times of its events. */
import type { Timings } from '@vm-task/api/tasks';

export interface AttemptTimes {
  /** Both null for an attempt that never had one. */
  readonly vm: string | null;
  readonly startedAt: number | null;
  readonly setupDoneAt: number | null;
}

export interface TaskTimes {
  readonly createdAt: number;
  readonly completedAt: number | null;
  readonly processMs: number | null;
  /** In order. */
  readonly attempts: readonly AttemptTimes[];
}

export function timingsOf({ createdAt, completedAt, processMs, attempts }: TaskTimes): Timings {
  const [first] = attempts.flatMap(({ vm, startedAt }) =>
    vm === null || startedAt === null ? [] : [{ vm, startedAt }],
  );
  const last = attempts.at(-1);
  const setupDoneAt = last?.setupDoneAt ?? null;
  return {
    queuedMs: first === undefined ? null : first.startedAt - createdAt,
    vmReadyMs: first === undefined ? null : vmReadyMs(createdAt, first),
    setupMs: between(last?.startedAt ?? null, setupDoneAt),
    runMs: processMs ?? between(setupDoneAt, completedAt),
    totalMs: between(createdAt, completedAt),
  };
}

/** The clocks of host and broker may differ, so the time in the id counts only inside the wait. */
function vmReadyMs(createdAt: number, { vm, startedAt }: { readonly vm: string; readonly startedAt: number }): number {
  const mintedAt = mintedAtMs(vm);
  return mintedAt < createdAt ? 0 : Math.max(0, startedAt - mintedAt);
}

/** The time in a VM id, `vm-` and a UUIDv7. */
function mintedAtMs(vm: string): number {
  return Number.parseInt(vm.slice('vm-'.length).replaceAll('-', '').slice(0, 12), 16);
}

function between(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : to - from;
}
