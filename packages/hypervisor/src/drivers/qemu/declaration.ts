/** Clones of an image, by QEMU on this host: made in milliseconds, gone without a trace. */
import type { DriverDeclaration } from '../driver.ts';
import { type ClonePoolConfig, clonePoolSchema, planClone } from './pool.ts';
import { cloneRecordSchema } from './record.ts';

export const qemu: DriverDeclaration = {
  name: 'qemu',
  capabilities: { clones: true, warm: true, processOnHost: true, ownSystem: true },
  pool: clonePoolSchema,
  record: cloneRecordSchema,
  checks: [
    // A guest of nine bytes is given 5 s.
    { name: 'kvm', limitMs: 20_000, isIsolation: true },
    // A program that does nothing is jailed, within 20 s.
    { name: 'walls', limitMs: 40_000, isIsolation: true },
    // A disk's own tables are read, a second for each GiB on a slow disk.
    { name: 'images', limitMs: 60_000 },
  ],
  plan: planClone,
  describe: (_name, { image, sizes }: ClonePoolConfig) => ({ image, sizes }),
  open: async (options) => new (await import('./qemu-driver.ts')).QemuDriver(options),
};
