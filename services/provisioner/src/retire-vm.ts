import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { VmId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';

/** Longer than any removal takes; past it the reaper removes the VM. */
const removalLimitMs = 60_000;

/**
 * Removes a warm VM that no task has; false when one has it now. It is claimed first, for a task that does not exist:
 * so no task can get it meanwhile, and should this process die, the reaper finds a VM whose task nobody knows.
 */
export async function retireVm(
  hypervisor: Pick<Hypervisor, 'claim' | 'destroy'>,
  vm: VmId,
  reason: string,
  clock: BrokerClock,
): Promise<boolean> {
  const nowMs = clock.nowMs();
  const deadline = deadlineFrom(nowMs + removalLimitMs, nowMs);
  if (!(await hypervisor.claim(vm, { task: newTaskId(nowMs), attempt: 1, deadline }))) return false;
  await hypervisor.destroy(vm, reason);
  return true;
}
