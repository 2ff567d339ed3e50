/** A pool as `vm-task.yaml` has it: clones of an image, or one named VM (docs/named-vms.md). */

import { type Size, sizeSchema } from '@vm-task/shared/sizes';
import { hostKeySchema } from '@vm-task/shared/vm-access';
import { z } from 'zod';

/** Small enough that four of them fit on a laptop, large enough for a Python analysis. */
const defaultCloneSize: Size = { cpus: 1, memoryMiB: 512, diskMiB: 4096 };

/** A machine of somebody's own has more than a clone; nothing is taken away from it by a limit that is not reached. */
const defaultShare: Size = { cpus: 2, memoryMiB: 2048, diskMiB: 8192 };

const clonePoolSchema = z.strictObject({
  driver: z.literal('qemu').default('qemu'),
  /** What tasks that name no image get, and what warm VMs are made from. */
  image: z.string().default('python'),
  /** What a task may ask for; the first one is what warm VMs have. */
  sizes: z.array(sizeSchema).min(1).max(16).default([defaultCloneSize]),
  /** VMs of this pool at once on one host, whatever they are doing. */
  max: z.int().min(1).max(1_024).default(4),
  /** VMs kept ready for the next task. They count in `max`. */
  warm: z.int().min(0).max(256).default(1),
});

const howToGetHostKey =
  'must be the key by which the machine proves itself, "ssh-ed25519 AAAA…": on the machine it is in /etc/ssh/ssh_host_ed25519_key.pub (leave out the comment); `ssh-keyscan -t ed25519 -p PORT HOST` shows what answers there now';

const namedPoolSchema = z
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

export const poolSchema = z.discriminatedUnion('driver', [clonePoolSchema, namedPoolSchema]);

export type PoolConfig = z.infer<typeof poolSchema>;
export type ClonePoolConfig = z.infer<typeof clonePoolSchema>;
export type NamedPoolConfig = z.infer<typeof namedPoolSchema>;
