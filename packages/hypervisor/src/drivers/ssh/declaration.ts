/** Named VMs: machines of somebody's own, over SSH, lent to one task at a time (docs/named-vms.md). */
import type { DriverDeclaration } from '../driver.ts';
import { type NamedPoolConfig, namedPoolSchema, planShare } from './pool.ts';
import { namedRecordSchema } from './record.ts';

export const ssh: DriverDeclaration = {
  name: 'ssh',
  capabilities: { clones: false, warm: false, processOnHost: false, ownSystem: false },
  pool: namedPoolSchema,
  record: namedRecordSchema,
  // A login is given 15 s.
  checks: [{ name: 'named-vms', limitMs: 20_000 }],
  plan: planShare,
  describe: (name, { size }: NamedPoolConfig) => ({ image: name, sizes: [size] }),
  open: async (options) => new (await import('./ssh-driver.ts')).SshDriver(options),
};
