/**
 * I7: while a reaper runs, nothing outlives its deadline for long. Checked from what is stored and from the clock that the
 * broker really has, not from what a reaper believes; of VMs whether the broker is there or not.
 */

import { pauseAfter } from '@vm-task/hypervisor/ledger/quarantine';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { deadlineOf } from '@vm-task/hypervisor/release-vm';
import type { Stored } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import { epochMs, type HostProcess } from './host.ts';
import type { Ledger } from './ledger.ts';
import type { Observations } from './observations.ts';
import type { Properties } from './properties.ts';
import type { SeenTask } from './seen-of-tasks.ts';

export interface Watched {
  readonly properties: Properties;
  readonly observations: Observations;
  /** False while it is away, or takes nothing. */
  readonly isBrokerThere: () => boolean;
  /** One on each host: its process, when there is one, and the host's ledger. */
  readonly reapers: readonly { readonly ledger: Ledger; readonly process: HostProcess | null }[];
  readonly sweepMs: number;
  readonly cancelGraceMs: number;
}

/** Deciding, storing and removing take so long when nothing goes wrong. */
const taskBoundMs = 1_000;
/** The same, and by how much a slow answer may have set the broker's clock wrong for whoever claimed the VM. */
const vmBoundMs = 4_000;
/**
 * After something was lost: a reader notices it in 15 s, and what failed meanwhile is tried again after a pause that has
 * grown to 16 s.
 */
const recoveryMs = 45_000;
/** As the reaper's: what a runner may take to end a task that is cancelled or at its limit, past the grace. */
const runnerAnswerMs = 30_000;

export class DeadlinesKept {
  readonly #watched: Watched;
  /** While it is away, and for a while after. */
  #brokerSeenMs = 0;
  /** Since when a VM has the deadline that it has: with a claim it gets another. */
  readonly #setAt = new Map<VmId, { readonly at: string; readonly sinceMs: number }>();

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** Called after every step. */
  onStep(nowMs: number): void {
    if (!this.#watched.isBrokerThere()) this.#brokerSeenMs = nowMs;
    this.#lookAtVms(nowMs);
    this.#lookAtTasks(nowMs);
  }

  #lookAtVms(nowMs: number): void {
    const { reapers, sweepMs, observations, isBrokerThere } = this.#watched;
    for (const { ledger, process } of reapers) {
      const sinceMs = runsSinceMs(process, nowMs);
      for (const state of ledger.states) {
        const { at } = deadlineOf(state);
        const dueMs = Date.parse(at) - epochMs;
        const setMs = this.#setMs(state.record.vm, at, nowMs);
        if (nowMs <= dueMs || ledger.machine(state.record.vm) === null) continue;
        if (!isBrokerThere()) observations.sometimes('a VM was past its deadline while the broker was away');
        const maxMs = Math.max(dueMs, setMs, sinceMs, triedAgainMs(ledger, state)) + sweepMs + vmBoundMs;
        if (nowMs <= maxMs) continue;
        observations.broken('I7', `${state.record.vm} lives, and was to end ${Math.round(nowMs - dueMs)} ms ago`);
      }
    }
  }

  #setMs(vm: VmId, at: string, nowMs: number): number {
    const known = this.#setAt.get(vm);
    if (known?.at === at) return known.sinceMs;
    this.#setAt.set(vm, { at, sinceMs: nowMs });
    return nowMs;
  }

  #lookAtTasks(nowMs: number): void {
    const { properties, observations, reapers, sweepMs, cancelGraceMs } = this.#watched;
    const since = reapers.map(({ process }) => {
      const disturbedMs = Math.max(this.#brokerSeenMs, process?.disturbedAtMs ?? 0);
      return Math.max(runsSinceMs(process, nowMs) + sweepMs, disturbedMs === 0 ? 0 : disturbedMs + recoveryMs);
    });
    const sinceMs = Math.min(...since);
    if (nowMs <= sinceMs) return;
    for (const task of properties.tasks) {
      if (task.completed !== null) continue;
      const { kind, atMs } = dueOf(task, cancelGraceMs);
      if (nowMs <= Math.max(atMs, sinceMs) + taskBoundMs) continue;
      const { data } = task.created;
      observations.broken('I7', `${data.task} goes on, and its ${kind} was over ${Math.round(nowMs - atMs)} ms ago`);
    }
  }
}

/** Never, for one that is not there or is paused. */
function runsSinceMs(process: HostProcess | null, nowMs: number): number {
  if (process === null || process.pausedUntilMs > nowMs) return Number.POSITIVE_INFINITY;
  return Math.max(process.startedMs, process.pausedUntilMs);
}

/** A VM that could not be ended is tried again with growing pauses; 0 for one that nobody has failed to end. */
function triedAgainMs(ledger: Ledger, { record: { vm } }: VmState): number {
  const failed = ledger.notEnded(vm);
  return failed === null ? 0 : failed.atMs + pauseAfter(failed.times);
}

/** By the events alone, in milliseconds of the simulation. */
function dueOf(
  { created, eventStream, ready, setUp }: SeenTask,
  cancelGraceMs: number,
): { kind: string; atMs: number } {
  const { queueMs, setupMs, runMs, totalMs } = created.data.spec.timeouts;
  const head = eventStream.at(-1) ?? created;
  const patienceMs = cancelGraceMs + runnerAnswerMs;
  if (head.type === 'task.cancelling') return { kind: 'cancelling', atMs: at(head) + patienceMs };
  const total = { kind: 'total', atMs: at(created) + totalMs };
  const inPhase = () => {
    if (head.type === 'task.retrying')
      return { kind: 'queue', atMs: Date.parse(head.data.notBefore) - epochMs + queueMs };
    if (ready === null) return { kind: 'queue', atMs: at(created) + queueMs };
    return setUp === null ? { kind: 'setup', atMs: at(ready) + setupMs } : { kind: 'run', atMs: at(setUp) + runMs };
  };
  if (head.type === 'unknown') return total;
  const phase = inPhase();
  const limit = phase.atMs <= total.atMs ? phase : total;
  // Its runner is to stop it first.
  return ready === null ? limit : { ...limit, atMs: limit.atMs + patienceMs };
}

function at({ time }: Pick<Stored, 'time'>): number {
  return time.getTime() - epochMs;
}
