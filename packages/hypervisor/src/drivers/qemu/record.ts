/** A clone: what it is made from, and what the ledger keeps of it. */
import { z } from 'zod';
import type { ImageRef, ImageVersion } from '../../images/image.ts';
import { recordFields } from '../../ledger/vm-record.ts';
import type { Egress, VmClass } from '../../vm-class.ts';

/** Cloned from an image at one size, and destroyed after its task. */
export interface CloneClass extends VmClass {
  readonly driver: 'qemu';
  readonly image: ImageRef;
  readonly egress: Egress;
  /** What it reaches by name; of an egress `internet` nothing more. */
  readonly allow: readonly string[];
}

/** A class whose image is one exact version, as it is resolved. */
export interface ExactCloneClass extends CloneClass {
  readonly image: ImageVersion;
}

/** `vm.json` of a clone. */
export const cloneRecordSchema = z.strictObject({
  ...recordFields,
  driver: z.literal('qemu'),
  image: z.strictObject({ name: z.string(), version: z.string() }),
  /** The key of the snapshot that it was cloned from. */
  snapshot: z.string(),
  egress: z.enum(['none', 'internet']),
  /** Of a VM of an earlier version there is none. */
  allow: z.array(z.string()).default([]),
  /** Whom QEMU runs as: the slot's own uid when we are root, else null and it runs as us. */
  uid: z.int().nullable(),
  /** Where its SSH is forwarded from, on 127.0.0.1. */
  port: z.int(),
});

export type CloneRecord = z.infer<typeof cloneRecordSchema>;
