/** What an image is, for everyone who boots one: its name, what it is made of, and how it starts. */
import { join } from 'node:path';
import { namePattern } from '@vm-task/shared/ids';
import { z } from 'zod';
import { versionPattern } from './version.ts';

/** What a task or a pool asks for: `python` (the newest there is, by number) or exactly `python@3.2.0`. */
export interface ImageRef {
  readonly name: string;
  readonly version: string | null;
}

/** Exactly one image. */
export interface ImageVersion extends ImageRef {
  readonly version: string;
}

/** File names are relative to the image's folder. */
const bootSchema = z.discriminatedUnion('kind', [
  /** The kernel is started by QEMU itself; `cmdline` says where the root is, the driver adds its console. */
  z.strictObject({
    kind: z.literal('direct'),
    kernel: z.literal('vmlinuz'),
    initrd: z.literal('initrd.img').nullable(),
    cmdline: z.string(),
  }),
  /** The disk brings its own boot loader: an imported disk. */
  z.strictObject({ kind: z.literal('firmware') }),
]);

/** `image.json`: written once, when the image is made, and never altered. */
export const imageManifestSchema = z.strictObject({
  name: z.string().regex(namePattern),
  version: z.string().regex(versionPattern),
  /** SHA-256 of everything that the image is made of: its folder's name in the cache. */
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  /** As QEMU calls it: `qemu-system-<architecture>`. */
  architecture: z.enum(['x86_64', 'aarch64']),
  disk: z.literal('disk.qcow2'),
  boot: bootSchema,
  /** What a task may name as its runtime, and the argv that a script's path is appended to. */
  runtimes: z.record(z.string().regex(namePattern), z.array(z.string().min(1)).min(1)),
  virtualSizeMiB: z.int().min(1),
  /** Less than this and the guest does not come up. */
  minMemoryMiB: z.int().min(1),
  source: z.enum(['recipe', 'import']),
  createdAt: z.iso.datetime(),
});

export type ImageManifest = z.infer<typeof imageManifestSchema>;
export type ImageBoot = z.infer<typeof bootSchema>;

/** A registered image: all its files are in `folder` (`$VM_TASK_HOME/images/<name>@<version>`) and never change. */
export interface Image extends Readonly<Omit<ImageManifest, 'name' | 'version'>> {
  readonly ref: ImageVersion;
  readonly folder: string;
}

/** The absolute path of the image's read-only qcow2 disk. */
export function imageDisk(image: Image): string {
  return join(image.folder, image.disk);
}
