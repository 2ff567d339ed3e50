/** What planning has to be told of the configuration. */
import type { PoolConfig } from '@vm-task/hypervisor/pool-config';

export interface Pools {
  /** Where a task goes that names no pool. */
  readonly defaultPool: string;
  readonly pools: Readonly<Record<string, PoolConfig>>;
}
