/** What planning needs of the configuration. */
import type { HypervisorConfig } from '@vm-task/hypervisor/hypervisor-config';

export interface Pools extends Pick<HypervisorConfig, 'pools' | 'drivers'> {
  /** Where a task goes that names no pool. */
  readonly defaultPool: string;
}
