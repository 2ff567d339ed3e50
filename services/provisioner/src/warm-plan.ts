/** What a pool needs so that the next task finds a warm VM: decided from the ledger alone. */
import { type HostClock, remainingMs } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { isOfClass, type VmClass } from '@vm-task/hypervisor/vm-class';
import type { VmId } from '@vm-task/shared/ids';
import type { CapacityLimits } from './capacity.ts';
import { isFresh, isWarm, type ReadyState } from './choose-vm.ts';

export interface WarmTarget {
  readonly pool: string;
  /** Null for a pool that keeps none. */
  readonly vmClass: VmClass | null;
  /** VMs that are to be ready. */
  readonly warm: number;
  readonly limits: CapacityLimits;
}

export interface WarmFacts {
  readonly states: readonly VmState[];
  readonly isAlive: (vm: VmId) => boolean;
  /** Tasks in flight without a VM: of this pool, and of the host. Capacity is theirs first. */
  readonly waiting: { readonly pool: number; readonly host: number };
  readonly clock: HostClock;
}

export interface WarmPlan {
  /** Warm VMs that are of no use: dead, of a class that the pool does not keep, more than it keeps, or in their last minutes. */
  readonly replace: readonly { readonly vm: VmId; readonly reason: string }[];
  /** True when one is missing and there is capacity for it. */
  readonly create: boolean;
}

/** Another VM was made for a task that is about to claim it; left alone for so long, it was forgotten. */
const forgottenAfterMs = 30_000;

export function planWarm(target: WarmTarget, facts: WarmFacts): WarmPlan {
  const ofPool = facts.states.filter(({ record }) => record.pool === target.pool);
  const warm = ofPool.filter(isWarm);
  const useless = warm.flatMap((state) => because(state, whyUseless(state, facts)));
  const useful = warm.filter(({ record }) => !useless.some(({ vm }) => vm === record.vm));
  const replace = [...useless, ...useful.flatMap((state) => because(state, whyUnwanted(state, useful, target, facts)))];
  const leaving = new Set(replace.map(({ vm }) => vm));
  // What is being made of this class becomes warm, or is a task's, whose claim is followed by another look.
  const coming = ofPool.filter(
    (state) =>
      (state.phase === 'ready' || state.phase === 'creating') && isKept(state, target) && !leaving.has(state.record.vm),
  );
  const capacity =
    ofPool.length - leaving.size + facts.waiting.pool < target.limits.poolMax &&
    facts.states.length - leaving.size + facts.waiting.host < target.limits.hostMax;
  return { replace, create: coming.length < target.warm && capacity };
}

function because({ record: { vm } }: ReadyState, reason: string | null): { vm: VmId; reason: string }[] {
  return reason === null ? [] : [{ vm, reason }];
}

function whyUseless(state: ReadyState, facts: WarmFacts): string | null {
  if (!facts.isAlive(state.record.vm)) return 'its process has ended';
  return isFresh(state, facts.clock) ? null : 'it was warm for long enough';
}

/** Of more than are wanted, those go that were made last. */
function whyUnwanted(
  state: ReadyState,
  useful: readonly ReadyState[],
  target: WarmTarget,
  { clock }: WarmFacts,
): string | null {
  if (remainingMs(state.ready.since, clock) >= -forgottenAfterMs) return null;
  if (!isKept(state, target)) return 'it is none that the pool keeps warm';
  const alike = useful.filter((other) => isKept(other, target));
  return alike.indexOf(state) < target.warm ? null : 'the pool keeps enough without it';
}

function isKept({ record }: VmState, { vmClass }: WarmTarget): boolean {
  return vmClass !== null && isOfClass(record, vmClass);
}
