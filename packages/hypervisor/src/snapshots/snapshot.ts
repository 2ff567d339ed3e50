/** A frozen machine, as its folder in the cache describes it. */
import { sizeSchema } from '@vm-task/shared/sizes';
import { vmAccessSchema } from '@vm-task/shared/vm-access';
import { z } from 'zod';

/** `snapshot.json`, 0600: written last, so a folder that has it is complete. */
export const snapshotManifestSchema = z.strictObject({
  imageFingerprint: z.string(),
  size: sizeSchema,
  /** Who answers in a fresh clone, until it has an identity of its own. */
  user: vmAccessSchema.shape.user,
  hostKey: vmAccessSchema.shape.hostKey,
  /** The private key that a fresh clone accepts. */
  loginKey: z.string(),
  createdAt: z.iso.datetime(),
  /** From QEMU's start to the first SSH command, and how long freezing took after that. */
  timings: z.strictObject({ bootMs: z.number(), freezeMs: z.number() }),
});

export type SnapshotManifest = z.infer<typeof snapshotManifestSchema>;

export interface Snapshot extends Readonly<SnapshotManifest> {
  readonly key: string;
  readonly folder: string;
}
