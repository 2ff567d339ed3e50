/** What the hypervisor has to be told of the configuration. */
import type { PoolConfig } from './pool-config.ts';

export interface HypervisorConfig {
  readonly pools: Readonly<Record<string, PoolConfig>>;
  readonly host: {
    /** Frozen machines kept in the cache; the least recently used goes first. */
    readonly maxSnapshots: number;
    /** Started as root, the VM in slot n runs as this uid plus n. */
    readonly uidBase: number;
  };
}
