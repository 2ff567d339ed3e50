/** A pool as `vm-task.yaml` has it, as far as it is the same for every driver. */
export interface PoolConfig {
  /** The name of one that is known. */
  readonly driver: string;
  /** VMs of this pool at once on one host, whatever they are doing. */
  readonly max: number;
  /** VMs kept ready for the next task. They count in `max`. */
  readonly warm: number;
}

export type Pools = Readonly<Record<string, PoolConfig>>;

/** The pools of one driver, by their names; as the driver's own schema has them. */
export function poolsOf<P extends PoolConfig>(pools: Pools, driver: P['driver']): [string, P][] {
  return Object.entries(pools).filter((entry): entry is [string, P] => entry[1].driver === driver);
}
