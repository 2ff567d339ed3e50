import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { z } from 'zod';
import type { DiskFormat } from './disk-formats.ts';
import { type ForeignDisk, tryQemuImg } from './foreign-disk.ts';

/**
 * 256 GiB: larger than any golden disk that is copied to where it is used, and small enough that its empty part costs
 * nothing. A VM's own disk may be larger than its image's.
 */
export const maxVirtualSizeMiB = 262_144;

/** Reading a header takes milliseconds; a header that keeps qemu-img busy longer is made to do so. */
const inspectLimitMs = 30_000;

const mebibyte = 1024 * 1024;

/** Every qcow2 file begins so. */
const qcow2Magic = Buffer.from('QFI\xfb', 'latin1');

const diskInfoSchema = z.object({
  'virtual-size': z.number(),
  'backing-filename': z.string().optional(),
  encrypted: z.boolean().optional(),
  'format-specific': z
    .object({ data: z.object({ 'data-file': z.string().optional(), corrupt: z.boolean().optional() }) })
    .optional(),
});

type DiskInfo = z.infer<typeof diskInfoSchema>;

/**
 * The size in MiB that a guest will see, of a disk that stands by itself. The format is the stated one, never guessed.
 * @param file its name in the disk's folder.
 * @param name how people know it.
 * @throws when it is anything else: `image-refused`, with what to do.
 */
export async function inspectDisk(
  foreign: ForeignDisk,
  file: string,
  format: DiskFormat,
  name: string,
  signal: AbortSignal,
): Promise<number> {
  const refuse = (why: string) => new VmTaskError('image-refused', `${name} cannot be imported: ${why}`);
  if (format === 'raw' && (await beginsLikeQcow2(join(foreign.folder, file)))) {
    throw refuse('it is stated to be raw and begins like a qcow2 file; say --format qcow2');
  }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(inspectLimitMs)]);
  const info = ['info', '--output=json', '-f', format, file];
  const { exitCode, stdout, complaint } = await tryQemuImg(info, foreign, limit);
  if (exitCode !== 0)
    throw refuse(`qemu-img cannot read it as ${format}: ${complaint.replaceAll(`'${file}'`, `'${name}'`)}`);
  const found = diskInfoSchema.parse(JSON.parse(stdout));
  const problem = problemOf(found);
  if (problem !== null) throw refuse(problem);
  return Math.ceil(found['virtual-size'] / mebibyte);
}

function problemOf(info: DiskInfo): string | null {
  const backing = info['backing-filename'];
  const data = info['format-specific']?.data;
  const flatten = 'make it stand by itself first: qemu-img convert -O qcow2 <file> <new file>';
  if (backing !== undefined) return `it is only the difference to another file, ${JSON.stringify(backing)}; ${flatten}`;
  if (data?.['data-file'] !== undefined) {
    return `its content is in another file, ${JSON.stringify(data['data-file'])}; ${flatten}`;
  }
  if (info.encrypted === true) return 'it is encrypted, and nobody could give a VM the key; import a decrypted copy';
  if (data?.corrupt === true) return 'it is marked as corrupt; repair it first: qemu-img check -r all <file>';
  const sizeMiB = info['virtual-size'] / mebibyte;
  if (sizeMiB < 1) return `its disk has ${info['virtual-size']} bytes, less than 1 MiB`;
  if (sizeMiB > maxVirtualSizeMiB) {
    return `its disk has ${Math.ceil(sizeMiB)} MiB and may have ${maxVirtualSizeMiB}; shrink it first: qemu-img resize --shrink`;
  }
  return null;
}

async function beginsLikeQcow2(path: string): Promise<boolean> {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(qcow2Magic.length), 0, qcow2Magic.length, 0);
  return buffer.equals(qcow2Magic);
}
