/** A named VM, as `vm-task.yaml` has it (docs/named-vms.md), and the share of it that a task gets. */
import { VmTaskError } from '@vm-task/shared/errors';
import { type Size, sizeSchema, smallestFitting } from '@vm-task/shared/sizes';
import type { TaskFile } from '@vm-task/shared/task-file';
import { hostKeySchema } from '@vm-task/shared/vm-access';
import { z } from 'zod';
import type { VmRequest } from '../../vm-class.ts';
import { noSizeFits, wantedBy } from '../wanted-size.ts';

/** A machine of somebody's own has more than a clone; nothing is taken away from it by a limit that is not reached. */
const defaultShare: Size = { cpus: 2, memoryMiB: 2048, diskMiB: 8192 };

const howToGetHostKey =
  'must be the key by which the machine proves itself, "ssh-ed25519 AAAA…": on the machine it is in /etc/ssh/ssh_host_ed25519_key.pub (leave out the comment); `ssh-keyscan -t ed25519 -p PORT HOST` shows what answers there now';

export const namedPoolSchema = z
  .strictObject({
    driver: z.literal('ssh'),
    host: z.string({ error: 'must be the address of the machine' }).min(1),
    port: z.int().min(1).max(65_535).default(22),
    user: z.string({ error: 'must be the name to log in with' }).regex(/^[a-z_][a-z0-9_.-]{0,31}$/i),
    /** The login's private key: a file, relative to the home, mode 0600. */
    key: z.string({ error: 'must be the file of the private key, such as keys/kali in the home' }).min(1),
    hostKey: hostKeySchema(howToGetHostKey),
    /** The most that one task may use of the machine, and what it may use when it asks for nothing. */
    size: sizeSchema.default(defaultShare),
    runtimes: z.record(z.string(), z.array(z.string().min(1)).min(1)).default({ shell: ['/bin/sh'] }),
  })
  // There is one such machine, and it is there anyway.
  .transform((pool) => ({ ...pool, max: 1, warm: 0 }));

export type NamedPoolConfig = z.infer<typeof namedPoolSchema>;

/**
 * A task gets as much as it asks for, up to what any one may have.
 * @throws `no-size-fits`; `invalid-task` for what nobody can choose of a named VM
 */
export function planShare(file: TaskFile, name: string, pool: NamedPoolConfig): VmRequest {
  if (file.image !== undefined) throw fixed('image', name, 'has the system that it has');
  if (file.egress !== undefined) throw fixed('egress', name, 'has the network that it has');
  const wanted = wantedBy(file);
  if (smallestFitting([pool.size], wanted) === null) throw noSizeFits(file, name, [pool.size]);
  return { image: name, size: { ...pool.size, ...wanted }, egress: 'internet' };
}

function fixed(key: 'image' | 'egress', name: string, why: string): VmTaskError {
  return new VmTaskError('invalid-task', `${key}: the named VM "${name}" ${why}; leave ${key} out`);
}
