import type { EventData } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import type { Hypervisor } from './hypervisor.ts';
import type { Deadline } from './ledger/deadline.ts';
import type { Claim, VmState } from './ledger/vm-record.ts';

/** Of this host; the caller adds which one that is. */
export type Gone = Omit<EventData<'vm.gone'>, 'v' | 'host'>;

/**
 * Removes a VM and reports it, in that order; false when the ledger has no such VM. Its folder outlives the report,
 * so that after a crash at any point the same call does what is left. A VM that worked for nobody is not reported.
 */
export async function releaseVm(
  hypervisor: Pick<Hypervisor, 'find' | 'end' | 'destroy'>,
  vm: VmId,
  reason: string,
  tell: (gone: Gone) => Promise<void>,
): Promise<boolean> {
  const state = await hypervisor.find(vm);
  if (state === null) return false;
  const claim = claimOf(state);
  if (claim !== null) {
    await hypervisor.end(vm, reason);
    await tell({ pool: state.record.pool, vm, task: claim.task, reason });
  }
  await hypervisor.destroy(vm, reason);
  return true;
}

/** A claim's deadline replaces that of the warm VM. */
export function deadlineOf(state: VmState): Deadline {
  return claimOf(state)?.deadline ?? state.record.deadline;
}

/** True when a removal has come to nothing, and the reaper is to try it again. */
export async function isQuarantined(hypervisor: Pick<Hypervisor, 'find'>, vm: VmId): Promise<boolean> {
  const state = await hypervisor.find(vm);
  return state?.phase === 'ending' && state.quarantine !== null;
}

/** For whom the VM works or worked, or null. */
export function claimOf(state: VmState): Claim | null {
  return state.phase === 'claimed' || state.phase === 'ending' ? state.claim : null;
}
