/** What the hypervisor has to be told of the configuration. */
import type { Drivers } from './drivers/drivers.ts';
import type { Pools } from './pool-config.ts';

export interface HypervisorConfig {
  readonly pools: Pools;
  /** Every one that a pool, or a VM in the ledger, may be of. */
  readonly drivers: Drivers;
  readonly host: {
    /** Frozen machines kept in the cache; the least recently used goes first. */
    readonly maxSnapshots: number;
    /** Started as root, the VM in slot n runs as this uid plus n. */
    readonly uidBase: number;
  };
}
