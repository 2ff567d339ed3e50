/** Releasing the VM that an event names. */

import type { Bus } from '@vm-task/bus/bus';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type Gone, isQuarantined, releaseVm } from '@vm-task/hypervisor/release-vm';
import type { Logger } from '@vm-task/service/log';
import type { VmId } from '@vm-task/shared/ids';
import type { Capacity } from './capacity.ts';

export interface Releasing {
  readonly bus: Pick<Bus, 'announce'>;
  readonly hypervisor: Pick<Hypervisor, 'find' | 'end' | 'destroy'>;
  readonly host: string;
  readonly capacity: Pick<Capacity, 'changed'>;
}

/**
 * Returns when nothing of it is left and that has been told, or when it is in quarantine, which is the reaper's: it tries
 * again, and tells. Does nothing for null and for VMs of other hosts.
 */
export async function releaseNamed(
  { bus, hypervisor, host, capacity, log }: Releasing & { readonly log: Logger },
  vm: VmId | null,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  if (vm === null) return;
  const tell = (gone: Gone) => bus.announce({ type: 'vm.gone', data: { v: 1, ...gone, host }, host }, signal);
  try {
    if (!(await releaseVm(hypervisor, vm, reason, tell))) return;
    log.info({ vm }, 'the VM is gone');
    capacity.changed();
  } catch (error) {
    if (!(await isQuarantined(hypervisor, vm))) throw error;
    log.warn({ err: error, vm }, 'the VM could not be removed, and is left to the reaper');
  }
}
