/** What a pool needs so that the next task finds a warm VM: decided from the ledger alone. */
import type { HostClock } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { type ExactClass, isOfClass } from '@vm-task/hypervisor/vm-class';
import type { VmId } from '@vm-task/shared/ids';
import { isFresh, isWarm, type ReadyState } from './choose-vm.ts';
import type { RoomLimits } from './room.ts';

export interface WarmWish {
  readonly pool: string;
  /** Null for a pool that keeps none. */
  readonly vmClass: ExactClass | null;
  /** VMs that are to be ready. */
  readonly warm: number;
  readonly limits: RoomLimits;
}

export interface WarmFacts {
  readonly states: readonly VmState[];
  readonly isAlive: (vm: VmId) => boolean;
  /** Tasks in hand without a VM: of this pool, and of the host. Room is theirs first. */
  readonly waiting: { readonly pool: number; readonly host: number };
  readonly clock: HostClock;
  readonly nowMs: number;
}

export interface WarmPlan {
  /** Warm VMs that are of no use: dead, of a class that is no longer the pool's, or in their last minutes. */
  readonly replace: readonly { readonly vm: VmId; readonly reason: string }[];
  readonly create: boolean;
}

/** Another VM was made for a task that is about to claim it; left alone for so long, it was forgotten. */
const forgottenAfterMs = 30_000;

export function planWarm(wish: WarmWish, facts: WarmFacts): WarmPlan {
  const { pool, vmClass } = wish;
  const ofPool = facts.states.filter(({ record }) => record.pool === pool);
  const replace = ofPool.filter(isWarm).flatMap((state) => {
    const reason = whyReplace(state, wish, facts);
    return reason === null ? [] : [{ vm: state.record.vm, reason }];
  });
  const leaving = new Set(replace.map(({ vm }) => vm));
  // What is being made of this class becomes warm, or is a task's, whose claim is followed by another look.
  const coming = ofPool.filter(
    (state) =>
      (state.phase === 'ready' || state.phase === 'creating') && isOf(vmClass, state) && !leaving.has(state.record.vm),
  );
  const room =
    ofPool.length - leaving.size + facts.waiting.pool < wish.limits.poolMax &&
    facts.states.length - leaving.size + facts.waiting.host < wish.limits.hostMax;
  return { replace, create: coming.length < wish.warm && room };
}

function whyReplace(state: ReadyState, { vmClass }: WarmWish, facts: WarmFacts): string | null {
  if (!facts.isAlive(state.record.vm)) return 'its process has ended';
  if (!isFresh(state, facts.clock)) return 'it was warm for long enough';
  const agedMs = facts.nowMs - Date.parse(state.ready.at);
  return !isOf(vmClass, state) && agedMs > forgottenAfterMs ? 'it is none that the pool keeps warm' : null;
}

function isOf(vmClass: ExactClass | null, state: VmState): boolean {
  return vmClass !== null && isOfClass(state.record, vmClass);
}
