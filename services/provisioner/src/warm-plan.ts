/** What a pool needs so that the next task finds a warm VM: decided from the ledger alone. */
import { type HostClock, remainingMs } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { isOfClass, type VmClass } from '@vm-task/hypervisor/vm-class';
import type { VmId } from '@vm-task/shared/ids';
import { isFresh, isWarm, type ReadyState } from './choose-vm.ts';
import type { RoomLimits } from './room.ts';

/** VMs of one class that are to be ready: at least `make`, and no more than `keep` for long. */
export interface WarmStock {
  readonly vmClass: VmClass;
  readonly make: number;
  readonly keep: number;
}

export interface WarmWish {
  readonly pool: string;
  /** Each class once, the most wanted first. */
  readonly stock: readonly WarmStock[];
  readonly limits: RoomLimits;
}

export interface WarmFacts {
  readonly states: readonly VmState[];
  readonly isAlive: (vm: VmId) => boolean;
  /** Tasks in hand without a VM: of this pool, and of the host. Room is theirs first. */
  readonly waiting: { readonly pool: number; readonly host: number };
  readonly clock: HostClock;
}

export interface WarmPlan {
  /** Warm VMs that are of no use: dead, of a class that nobody wants, more than are wanted, or in their last minutes. */
  readonly replace: readonly { readonly vm: VmId; readonly reason: string }[];
  /** Classes of which one is to be made, as soon as there is room. */
  readonly lacking: readonly VmClass[];
  readonly create: VmClass | null;
}

/** Another VM was made for a task that is about to claim it; left alone for so long, it was forgotten. */
const forgottenAfterMs = 30_000;

export function planWarm(wish: WarmWish, facts: WarmFacts): WarmPlan {
  const ofPool = facts.states.filter(({ record }) => record.pool === wish.pool);
  const warm = ofPool.filter(isWarm);
  const useless = warm.flatMap((state) => because(state, whyUseless(state, facts)));
  const useful = warm.filter(({ record }) => !useless.some(({ vm }) => vm === record.vm));
  const replace = [...useless, ...useful.flatMap((state) => because(state, whyUnwanted(state, useful, wish, facts)))];
  const leaving = new Set(replace.map(({ vm }) => vm));
  // What is being made of a class becomes warm, or is a task's, whose claim is followed by another look.
  const coming = ofPool.filter(
    ({ phase, record }) => (phase === 'ready' || phase === 'creating') && !leaving.has(record.vm),
  );
  const isLacking = ({ vmClass, make }: WarmStock) =>
    coming.filter(({ record }) => isOfClass(record, vmClass)).length < make;
  const lacking = wish.stock.filter(isLacking).map(({ vmClass }) => vmClass);
  const room =
    ofPool.length - leaving.size + facts.waiting.pool < wish.limits.poolMax &&
    facts.states.length - leaving.size + facts.waiting.host < wish.limits.hostMax;
  return { replace, lacking, create: room ? (lacking[0] ?? null) : null };
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
  { stock }: WarmWish,
  { clock }: WarmFacts,
): string | null {
  if (remainingMs(state.ready.since, clock) >= -forgottenAfterMs) return null;
  const wanted = stock.find(({ vmClass }) => isOfClass(state.record, vmClass));
  if (wanted === undefined) return 'it is none that the pool keeps warm';
  const alike = useful.filter(({ record }) => isOfClass(record, wanted.vmClass));
  return alike.indexOf(state) < wanted.keep ? null : 'the pool keeps enough without it';
}
