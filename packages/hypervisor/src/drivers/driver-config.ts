/** What a driver needs of the configuration. */
import type { Pools } from '../pool-config.ts';

export interface DriverConfig {
  readonly pools: Pools;
  readonly host: {
    /** Frozen machines kept in the cache; the least recently used goes first. */
    readonly maxSnapshots: number;
    /** Started as root, the VM in slot n runs as this uid plus n. */
    readonly uidBase: number;
    /** No clone is made where guests do not run with KVM. */
    readonly requireKvm: boolean;
  };
  readonly egress: {
    /** IPv4 addresses and ranges that no VM may go to. */
    readonly deny: readonly string[];
  };
}
