/** What the hypervisor needs of the configuration. */
import type { DriverConfig } from './drivers/driver-config.ts';
import type { Drivers } from './drivers/drivers.ts';

export interface HypervisorConfig extends DriverConfig {
  /** Every one that a pool, or a VM in the ledger, may be of. */
  readonly drivers: Drivers;
}
