/**
 * The sweep (I6): host, ledger and log compared in both directions, again and again, behind everything that reacts to
 * events. It acts only on what has been wrong for a while, and on nothing that does not carry our mark.
 */
import type { Stray } from '@vm-task/hypervisor/hypervisor';
import type { UnreadableVm } from '@vm-task/hypervisor/ledger/ledger';
import { isRunning } from '@vm-task/hypervisor/ledger/process-ref';
import { isResting } from '@vm-task/hypervisor/ledger/quarantine';
import type { Claim, VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimOf } from '@vm-task/hypervisor/release-vm';
import { isKept } from '@vm-task/pipelines/decisions/kept-vms';
import type { PipelineId, VmId } from '@vm-task/shared/ids';
import type { PipelineState } from '@vm-task/shared/pipelines/state';

import type { BackgroundQueue } from './background-queue.ts';
import { type ClaimStatus, claimStatusOf, decideVm, type Patience, type VmFacts } from './decide-vm.ts';
import type { FirstSeen } from './first-seen.ts';
import { recordQuarantined } from './measurements.ts';
import {
  endLost,
  type Reaping,
  removeStray,
  removeVm,
  reportQuarantine,
  reportUnreadable,
  wakeOverdueRetry,
} from './reaping.ts';
import { type LiveTask, vmOf } from './task-view.ts';

export interface Sweeping extends Reaping {
  readonly background: BackgroundQueue;
  readonly seen: FirstSeen;
  /** Waits that have been seen to be over: whoever has room takes the task up. */
  readonly woken: WeakSet<LiveTask>;
  /** Reported quarantines and unreadable records. */
  readonly told: Set<string>;
  readonly patience: Patience;
  readonly readPipeline: (pipeline: PipelineId) => Promise<PipelineState | null>;
  /** The tasks that the log calls live. */
  readonly liveTasks: () => readonly LiveTask[];
}

/** One look at everything. @throws when the host, or the log, cannot be read. */
export async function sweep(sweeping: Sweeping): Promise<void> {
  const nowMs = performance.now();
  const states = await sweeping.hypervisor.list();
  // One VM about which nothing can be known holds up no other.
  await Promise.all(states.map((state) => apart(sweeping, state.record.vm, () => sweepVm(sweeping, state, nowMs))));
  sweepQuarantines(sweeping, states);
  const unreadable = await sweeping.hypervisor.unreadable();
  sweepUnreadable(sweeping, unreadable);
  const known = new Set([...states.map((state) => state.record.vm), ...unreadable.map(({ vm }) => vm)]);
  for (const task of sweeping.liveTasks()) {
    if (isMissing(sweeping, task, known)) sweepMissing(sweeping, task, nowMs);
  }
  for (const stray of await sweeping.hypervisor.strays()) sweepStray(sweeping, stray, nowMs);
  sweeping.seen.endLook();
}

async function apart({ log }: Sweeping, vm: VmId, look: () => Promise<void>): Promise<void> {
  await look().catch((error) => log.warn({ err: error, vm }, 'nothing could be found out about a VM'));
}

async function sweepVm(sweeping: Sweeping, state: VmState, nowMs: number): Promise<void> {
  const { background, seen, patience } = sweeping;
  const decision = decideVm(await factsOf(sweeping, state), patience);
  if (decision.kind === 'keep') return;
  const { vm, pool } = state.record;
  if (!seen.hasLasted(`${vm} ${decision.reason}`, decision.afterMs, nowMs)) return;
  const claim = claimOf(state);
  background.start({ id: vm, what: 'removing a VM' }, () =>
    decision.kind === 'lost' && claim !== null
      ? endLost(sweeping, { pool, task: claim.task }, vm, decision.reason)
      : removeVm(sweeping, vm, decision.reason),
  );
}

async function factsOf(sweeping: Sweeping, state: VmState): Promise<VmFacts> {
  const { hypervisor } = sweeping;
  const { vm, pool, creator } = state.record;
  const claim = claimOf(state);
  const claimStatus = claim === null ? null : await findClaimStatus(sweeping, { pool, vm }, claim);
  return {
    state,
    claimStatus,
    missing: await hypervisor.missing(state),
    isResting: state.phase === 'ending' && isResting(state.quarantine),
    isCreatorAlive: isRunning(creator),
  };
}

async function findClaimStatus(
  { bus, readPipeline }: Sweeping,
  { pool, vm }: { pool: string; vm: VmId },
  claim: Claim,
): Promise<ClaimStatus> {
  const head = await bus.head({ pool, task: claim.task });
  const claimStatus = claimStatusOf(claim, vm, head);
  return claimStatus === 'over' && (await isKept(claim.keep, head, readPipeline)) ? 'kept' : claimStatus;
}

/** Counted at every look, reported once. */
function sweepQuarantines(sweeping: Sweeping, states: readonly VmState[]): void {
  const { background, told } = sweeping;
  const found = states.flatMap((state) => {
    const { vm } = state.record;
    return state.phase === 'ending' && state.quarantine !== null ? [{ vm, quarantine: state.quarantine }] : [];
  });
  recordQuarantined(found.length);
  for (const { vm, quarantine } of found.filter(({ vm }) => !told.has(vm))) {
    background.start({ id: vm, what: 'reporting a quarantine' }, async () => {
      await reportQuarantine(sweeping, vm, quarantine);
      told.add(vm);
    });
  }
}

/** Left alone: nobody knows what is its own. Reported once. */
function sweepUnreadable(sweeping: Sweeping, found: readonly UnreadableVm[]): void {
  const { background, told } = sweeping;
  for (const { vm, why } of found) {
    const about = `unreadable ${vm}`;
    if (told.has(about)) continue;
    background.start({ id: vm, what: 'reporting an unreadable record' }, async () => {
      await reportUnreadable(sweeping, vm, why);
      told.add(about);
    });
  }
}

/** The log says that the VM is here, and the ledger has never heard of it, or no longer. */
function isMissing({ host }: Sweeping, task: LiveTask, known: ReadonlySet<string>): boolean {
  const vm = vmOf(task);
  return vm !== null && vm.host === host && !known.has(vm.id);
}

function sweepMissing(sweeping: Sweeping, task: LiveTask, nowMs: number): void {
  const { background, seen, patience } = sweeping;
  const vm = vmOf(task);
  if (vm === null || !seen.hasLasted(`${vm.id} missing`, patience.orphanGraceMs, nowMs)) return;
  background.start({ id: task.task, what: 'ending the task of a lost VM' }, () =>
    endLost(sweeping, task, vm.id, 'this host has no record of it'),
  );
}

/** The broker fires a timer within a second; whatever takes longer than this has lost it. */
const timerGraceMs = 10_000;

/** Tasks whose wait is over, and whose timer has not said so. */
export function wakeSleeping(sweeping: Sweeping): void {
  for (const task of sweeping.liveTasks()) if (isAsleep(sweeping, task)) sweepRetry(sweeping, task);
}

function isAsleep({ clock, woken }: Sweeping, task: LiveTask): boolean {
  const { name, sinceMs } = task.phase;
  return name === 'retry' && clock.nowMs() > sinceMs + timerGraceMs && !woken.has(task);
}

function sweepRetry(sweeping: Sweeping, task: LiveTask): void {
  sweeping.background.start({ id: task.task, what: 'waking a retry' }, async () => {
    if (await wakeOverdueRetry(sweeping, task)) sweeping.woken.add(task);
  });
}

function sweepStray(sweeping: Sweeping, stray: Stray, nowMs: number): void {
  const { background, seen, patience } = sweeping;
  const what = stray.kind === 'process' ? `process ${stray.pid} ${stray.startTicks}` : stray.path;
  if (!seen.hasLasted(`stray ${what}`, patience.orphanGraceMs, nowMs)) return;
  background.start({ id: stray.vm, what: `removing a stray ${stray.kind}` }, () => removeStray(sweeping, stray));
}
