/**
 * What a host says of itself: its entry in the bucket `hosts`, which its provisioner renews. How old it is, is told by the
 * broker's times alone. It is for people to look at, says which versions are there (`features.ts`), and which hosts get secrets that
 * are set.
 */
import { z } from 'zod';

export const hostLeaseSchema = z.strictObject({
  v: z.literal(1),
  host: z.string(),
  /** Of the services there. */
  version: z.string(),
  /** True once it takes no more tasks. */
  draining: z.boolean(),
  /** VMs of all pools that there may be at once. */
  maxVms: z.int(),
  pools: z.array(z.strictObject({ name: z.string(), driver: z.string(), max: z.int() })),
  vms: z.array(
    z.strictObject({
      vm: z.string(),
      pool: z.string(),
      /** As the ledger has it: creating, ready, claimed or ending. */
      state: z.string(),
      task: z.string().nullable(),
      createdAt: z.iso.datetime(),
      /** When it is removed, whatever happens. */
      deadline: z.iso.datetime(),
    }),
  ),
  /** VMs whose records cannot be read there, and which are left alone. */
  unreadableVms: z.int(),
  /** On the filesystem of its home. */
  diskFreeBytes: z.number(),
  memoryFreeBytes: z.number(),
  memoryBytes: z.number(),
  processors: z.int(),
  /** `/dev/kvm` is there and may be opened. Whether guests run with it, `doctor` finds out by trying. */
  kvm: z.boolean(),
  /** Processes that ran or waited for a processor, on average over 1, 5 and 15 minutes. */
  load: z.array(z.number()),
  /** The public key for which secrets of this host are encrypted. A host of an older version has none. */
  secretsKey: z.string().optional(),
});

export type HostLease = z.infer<typeof hostLeaseSchema>;
