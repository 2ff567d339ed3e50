/**
 * A driver of which nothing else in the project knows: machines elsewhere, made for each task. Its capabilities are those
 * of no other driver. With it tests prove that a driver is a folder and a line: `new Drivers([...knownDrivers.all, fakeDriver(cloud)])`.
 */
import type { DriverDeclaration } from '@vm-task/hypervisor/drivers/driver';
import { noSizeFits, wantedBy } from '@vm-task/hypervisor/drivers/wanted-size';
import { recordFields } from '@vm-task/hypervisor/ledger/vm-record';
import { sizeSchema, smallestFitting } from '@vm-task/shared/sizes';
import { z } from 'zod';
import type { Cloud } from './cloud.ts';

const poolSchema = z.strictObject({
  driver: z.literal('fake'),
  region: z.string(),
  sizes: z.array(sizeSchema).min(1),
  max: z.int().min(1),
  warm: z.int().min(0).default(0),
});

export type FakePoolConfig = z.infer<typeof poolSchema>;

const recordSchema = z.strictObject({ ...recordFields, driver: z.literal('fake'), region: z.string() });

export type FakeRecord = z.infer<typeof recordSchema>;

export function fakeDriver(cloud: Cloud): DriverDeclaration {
  return {
    name: 'fake',
    capabilities: { clones: true, warm: true, processOnHost: false, ownSystem: true },
    pool: poolSchema,
    record: recordSchema,
    checks: [{ name: 'cloud', limitMs: 5_000 }],
    plan(file, name, { region, sizes }: FakePoolConfig) {
      const size = smallestFitting(sizes, wantedBy(file));
      if (size === null) throw noSizeFits(file, name, sizes);
      return { image: file.image ?? region, size, egress: 'internet' };
    },
    describe: (_name, { region, sizes }: FakePoolConfig) => ({ image: region, sizes }),
    open: async (options) => new (await import('./fake-driver.ts')).FakeDriver(cloud, options),
  };
}
