/** Which VM a task gets: decided from the ledger alone. */
import { type HostClock, remainingMs } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { isOfClass, type VmClass } from '@vm-task/hypervisor/vm-class';
import type { TaskId, VmId } from '@vm-task/shared/ids';

export interface Wanted {
  readonly task: TaskId;
  readonly attempt: number;
  readonly vmClass: VmClass;
  /** It may be one that stood ready before; else only one that was made for this attempt. */
  readonly warm: boolean;
}

export type ReadyState = VmState & { readonly phase: 'ready' };
export type ClaimedState = VmState & { readonly phase: 'claimed' };

export type Choice =
  /** Claimed for this very attempt by somebody who died, or who is as far as we are. */
  | { readonly kind: 'reuse'; readonly vm: ClaimedState }
  | { readonly kind: 'claim'; readonly vm: ReadyState }
  /** It would be the one, and is of no use to anybody any more. */
  | { readonly kind: 'discard'; readonly vm: VmState; readonly reason: string }
  | { readonly kind: 'create' };

/** A warm VM in its last minutes is given to nobody: the reaper would end it under its task. */
export const lastMinutesMs = 5 * 60_000;

/** The task's own VM if there is one, else the oldest warm one of its class, else a new one; alive or not. */
export function chooseVm(states: readonly VmState[], wanted: Wanted, clock: HostClock): Choice {
  const own = states.find((state) => state.phase === 'claimed' && isClaimFor(state, wanted));
  const warm = states.find((state) => isFor(state, wanted) && isFresh(state, clock));
  const vm = own ?? warm;
  if (vm === undefined) return { kind: 'create' };
  if (vm.phase === 'ready') return { kind: 'claim', vm };
  if (vm.phase === 'claimed' && isOfClass(vm.record, wanted.vmClass)) return { kind: 'reuse', vm };
  return { kind: 'discard', vm, reason: 'the task gets another class of VM now' };
}

/** The choice, unless its VM's process has ended: only the one that is wanted is looked at. */
export async function unlessDead(choice: Choice, isAlive: (vm: VmId) => Promise<boolean>): Promise<Choice> {
  if (choice.kind !== 'reuse' && choice.kind !== 'claim') return choice;
  if (await isAlive(choice.vm.record.vm)) return choice;
  return { kind: 'discard', vm: choice.vm, reason: 'its process has ended' };
}

/** What may go so that another class gets its place: the oldest warm VM of the pool, or of the host when that is full. */
export function spareVm(states: readonly VmState[], pool: string, limit: 'pool' | 'host'): ReadyState | null {
  const warm = states.filter(isWarm);
  const ofPool = warm.find((state) => state.record.pool === pool);
  return ofPool ?? (limit === 'host' ? warm[0] : undefined) ?? null;
}

export function isWarm(state: VmState): state is ReadyState {
  return state.phase === 'ready';
}

/** A machine that is lent, say, is locked for the task that asked for it, until that one's deadline. */
function isFor(state: VmState, { vmClass, warm }: Wanted): state is ReadyState {
  return warm && isWarm(state) && isOfClass(state.record, vmClass);
}

export function isFresh(state: VmState, clock: HostClock): boolean {
  return remainingMs(state.record.deadline, clock) > lastMinutesMs;
}

function isClaimFor({ claim }: ClaimedState, { task, attempt }: Wanted): boolean {
  return claim.task === task && claim.attempt === attempt;
}
