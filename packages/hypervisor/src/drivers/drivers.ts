/** Drivers by their names. Who has only a name, from an event, a record or the configuration, asks here what it stands for. */
import { z } from 'zod';
import type { PoolConfig } from '../pool-config.ts';
import type { Capabilities, DriverDeclaration, PoolDescription } from './driver.ts';
import * as registry from './registry.ts';

export class Drivers {
  readonly all: readonly DriverDeclaration[];

  constructor(all: readonly DriverDeclaration[]) {
    this.all = all;
  }

  /** Null for a driver that this version does not know. */
  find(name: string): DriverDeclaration | null {
    return this.all.find((driver) => driver.name === name) ?? null;
  }

  /** For a name that was checked when it was read: the configuration's, or a class's. @throws Error when there is no such driver */
  get(name: string): DriverDeclaration {
    const driver = this.find(name);
    if (driver === null) throw new Error(`there is no driver "${name}"`);
    return driver;
  }

  /** Null for a driver that this version does not know: then nothing is known of its VMs, and who must know leaves them alone. */
  capabilitiesOf(name: string): Capabilities | null {
    return this.find(name)?.capabilities ?? null;
  }

  describe(name: string, pool: PoolConfig): PoolDescription {
    return this.get(pool.driver).describe(name, pool);
  }

  /** A pool of any driver. */
  get poolSchema(): z.ZodType<PoolConfig> {
    const [first, ...others] = this.all.map(({ pool }) => pool);
    if (first === undefined) throw new Error('there is no driver');
    const known = this.all.map(({ name }) => name).join(', ');
    return z.discriminatedUnion('driver', [first, ...others], {
      error: ({ code }) => (code === 'invalid_union' ? `must be one of ${known}` : undefined),
    });
  }
}

/** Those of this version. */
export const knownDrivers = new Drivers(Object.values(registry));
