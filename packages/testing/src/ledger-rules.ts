/** The rules of a ledger without folders, for whatever stands in for one: what may be made, taken and ended. */
import type { Capacity, CreateOutcome } from '@vm-task/hypervisor/hypervisor';
import type { Claim, Ended, VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { TaskId } from '@vm-task/shared/ids';

/** Null while there is room for one more VM of the pool. */
export function fullFor(
  states: readonly VmState[],
  pool: string,
  { poolMax, hostMax }: Capacity,
): CreateOutcome | null {
  if (states.length >= hostMax) return { kind: 'full', limit: 'host', max: hostMax };
  const ofPool = states.filter(({ record }) => record.pool === pool);
  return ofPool.length >= poolMax ? { kind: 'full', limit: 'pool', max: poolMax } : null;
}

/** The VM as its first task's; null when it is not to be had. */
export function claimed(state: VmState | undefined, claim: Claim): VmState | null {
  return state?.phase === 'ready' ? { ...state, phase: 'claimed', claim } : null;
}

/** The VM as that of the task that goes on in it; null when `after` has not left it. */
export function claimedNext(state: VmState | undefined, after: TaskId, claim: Claim): VmState | null {
  const isLeft = state?.phase === 'claimed' && state.claim.task === after && state.claim.keep !== undefined;
  return isLeft ? { ...state, claim } : null;
}

/** The VM as one that ends; null when there is none, or it does already. */
export function ending(state: VmState | undefined, ended: Ended): VmState | null {
  if (state === undefined || state.phase === 'ending') return null;
  const claim = state.phase === 'claimed' ? state.claim : null;
  return { phase: 'ending', record: state.record, ended, claim, quarantine: null };
}
