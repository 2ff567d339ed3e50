/** Getting a task its VM: its own, a warm one, or a new one, and claiming it. */

import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { Bus } from '@vm-task/bus/bus';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type Deadline, hostClock, isOverdue } from '@vm-task/hypervisor/ledger/deadline';
import type { Claim, VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { type Gone, releaseVm } from '@vm-task/hypervisor/release-vm';
import type { Logger } from '@vm-task/service/log';
import { type ErrorInfo, errorInfo } from '@vm-task/shared/errors';
import type { VmId } from '@vm-task/shared/ids';
import type { Keep } from '@vm-task/shared/kept-vm';
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { Capacity, CapacityLimits } from './capacity.ts';
import { type Choice, chooseVm, spareVm, unlessDead, type Wanted } from './choose-vm.ts';
import type { Preparations } from './preparations.ts';
import { retireVm } from './retire-vm.ts';

export interface ObtainContext {
  readonly bus: Pick<Bus, 'announce'>;
  readonly host: string;
  readonly hypervisor: Hypervisor;
  readonly preparations: Preparations;
  readonly capacity: Capacity;
  readonly limits: CapacityLimits;
  readonly clock: BrokerClock;
  readonly log: Logger;
}

export interface Allocation extends Wanted {
  /** The VM's, from now on. */
  readonly deadline: Deadline;
  /** For whom it waits after the task's success. */
  readonly keep?: Keep | undefined;
  /** Ends a creation under way. */
  readonly signal: AbortSignal;
  /** Ends the waiting for capacity and for preparations, too. */
  readonly patience: AbortSignal;
  /** The longest wait for capacity on this host. */
  readonly capacityWaitMs: number;
}

export interface ObtainedVm {
  readonly id: VmId;
  readonly access: VmAccess;
  /** True when it stood ready before the task came. */
  readonly warm: boolean;
}

export type Obtained =
  | { readonly kind: 'claimed'; readonly vm: ObtainedVm }
  /** Every place on this host is taken, and was for as long as the allocation waits. */
  | { readonly kind: 'no-capacity' }
  /** It would have been past its deadline from the start. */
  | { readonly kind: 'too-late' }
  /** No VM of this class can be made. */
  | { readonly kind: 'failed'; readonly error: ErrorInfo };

/** Something has changed meanwhile; `full`: every place was taken. */
type LookAgain = 'again' | 'full';

/** A VM that is claimed for the allocation, or why there is none. @throws the reasons of the allocation's signals. */
export async function obtainVm(context: ObtainContext, allocation: Allocation): Promise<Obtained> {
  using _waiting = context.capacity.waitFor(allocation.vmClass.pool);
  const waitUntil = performance.now() + allocation.capacityWaitMs;
  for (;;) {
    allocation.patience.throwIfAborted();
    const now = hostClock();
    if (isOverdue(allocation.deadline, now)) return { kind: 'too-late' };
    const seen = context.capacity.changes;
    const states = await context.hypervisor.list();
    const chosen = chooseVm(states, allocation, now);
    const choice = await unlessDead(chosen, (vm) => context.hypervisor.isAlive(vm));
    const obtained = await carryOut(context, allocation, choice, states, seen);
    if (obtained === 'full' && performance.now() > waitUntil) return { kind: 'no-capacity' };
    if (typeof obtained === 'object') return obtained;
  }
}

async function carryOut(
  context: ObtainContext,
  allocation: Allocation,
  choice: Choice,
  states: readonly VmState[],
  seen: number,
): Promise<Obtained | LookAgain> {
  const { log } = context;
  switch (choice.kind) {
    case 'reuse':
      return { kind: 'claimed', vm: { id: choice.vm.record.vm, access: choice.vm.ready.access, warm: false } };
    case 'discard':
      log.warn({ vm: choice.vm.record.vm, reason: choice.reason }, 'removing a VM that is of no use');
      await discard(context, choice.vm.record.vm, choice.reason, allocation.signal);
      return 'again';
    case 'claim':
      return claim(context, allocation, { id: choice.vm.record.vm, access: choice.vm.ready.access, warm: true });
    case 'create':
      return create(context, allocation, states, seen);
  }
}

/** One that was claimed may be named by the stream, or be about to be: whoever counts on it must hear that it is gone. */
async function discard({ bus, hypervisor, host }: ObtainContext, vm: VmId, reason: string, signal: AbortSignal) {
  const tell = (gone: Gone) => bus.announce({ type: 'vm.gone', data: { v: 1, ...gone, host }, host }, signal);
  await releaseVm(hypervisor, vm, reason, tell);
}

/** What the ledger says of a VM that is the allocation's. */
export function claimOf({ task, attempt, deadline, keep }: Allocation): Claim {
  return { task, attempt, deadline, ...(keep === undefined ? {} : { keep }) };
}

async function claim(
  { hypervisor, capacity }: ObtainContext,
  allocation: Allocation,
  vm: ObtainedVm,
): Promise<Obtained | LookAgain> {
  if (!(await hypervisor.claim(vm.id, claimOf(allocation)))) return 'again';
  capacity.changed();
  return { kind: 'claimed', vm };
}

async function create(
  context: ObtainContext,
  allocation: Allocation,
  states: readonly VmState[],
  seen: number,
): Promise<Obtained | LookAgain> {
  const outcome = await make(context, allocation);
  switch (outcome.kind) {
    case 'failed':
      return outcome;
    case 'full':
      return freeCapacity(context, allocation, states, seen, outcome.limit);
    case 'away':
      context.log.info({ reason: outcome.reason }, 'the named VM cannot be had now');
      await context.capacity.nextChange(seen, allocation.patience);
      return 'full';
    case 'ready':
      return claim(context, allocation, { id: outcome.vm.id, access: outcome.vm.access, warm: false });
  }
}

async function make({ hypervisor, preparations, limits }: ObtainContext, allocation: Allocation) {
  try {
    await preparations.vmClass(allocation.vmClass, allocation.patience);
    return await hypervisor.create(allocation.vmClass, limits, allocation.deadline, allocation.signal);
  } catch (error) {
    allocation.patience.throwIfAborted();
    return { kind: 'failed' as const, error: whyNoVm(error) };
  }
}

/** One warm VM of another kind goes, or something else has to. */
async function freeCapacity(
  { hypervisor, capacity, clock, log }: ObtainContext,
  allocation: Allocation,
  states: readonly VmState[],
  seen: number,
  limit: 'pool' | 'host',
): Promise<LookAgain> {
  const spare = spareVm(states, allocation.vmClass.pool, limit);
  if (spare === null) {
    await capacity.nextChange(seen, allocation.patience);
    return 'full';
  }
  log.info({ vm: spare.record.vm }, 'a warm VM goes to make way for another class');
  if (await retireVm(hypervisor, spare.record.vm, 'its place was needed', clock)) capacity.changed();
  return 'again';
}

/** What the maker says where it has a word for it; else that there is no VM, and why. */
export function whyNoVm(error: unknown): ErrorInfo {
  const info = errorInfo(error);
  return info.code === 'internal' ? { code: 'vm-not-started', message: `no VM could be made: ${info.message}` } : info;
}
