/** This home's VMs that people have to look at: what could not be removed, and when it is tried again; what cannot be read. */
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import type { UnreadableVm } from '@vm-task/hypervisor/ledger/ledger';
import { describeLeft } from '@vm-task/hypervisor/ledger/quarantine';
import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';

export interface QuarantinedVm {
  readonly vm: string;
  readonly pool: string;
  readonly since: string;
  readonly tries: number;
  readonly nextTry: string;
  readonly left: string;
}

export async function quarantinedVms(environment: Environment, config: SystemConfig): Promise<QuarantinedVm[]> {
  const states = await createHypervisor({ environment, config }).list();
  return states.flatMap((state) => {
    if (state.phase !== 'ending' || state.quarantine === null) return [];
    const { vm, pool } = state.record;
    const { since, tries, nextTry, left } = state.quarantine;
    return [{ vm, pool, since, tries, nextTry: nextTry.at, left: describeLeft(left) }];
  });
}

export async function unreadableVms(environment: Environment, config: SystemConfig): Promise<readonly UnreadableVm[]> {
  return await createHypervisor({ environment, config }).unreadable();
}
