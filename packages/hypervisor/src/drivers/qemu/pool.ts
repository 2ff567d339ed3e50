/** A pool of clones, as `vm-task.yaml` has it, and the clone that a task gets of it. */
import { type Size, sizeSchema, smallestFitting } from '@vm-task/shared/sizes';
import type { TaskFile } from '@vm-task/shared/task-file';
import { z } from 'zod';
import type { VmRequest } from '../../vm-class.ts';
import { noSizeFits, wantedBy } from '../wanted-size.ts';
import { allowedImageSchema, requireAllowedImage } from './allowed-images.ts';

/** Small enough that four of them fit on a laptop, large enough for a Python analysis. */
const defaultSize: Size = { cpus: 1, memoryMiB: 512, diskMiB: 4096 };

export const clonePoolSchema = z.strictObject({
  /** What a pool is that names no driver. */
  driver: z.literal('qemu').default('qemu'),
  /** What tasks that name no image get, and what warm VMs are made from. */
  image: z.string().default('python'),
  /** What tasks may name besides it: a name, or exactly one version. Absent: every image. */
  images: z.array(allowedImageSchema).max(256).optional(),
  /** What a task may ask for; the first one is what warm VMs have. */
  sizes: z.array(sizeSchema).min(1).max(16).default([defaultSize]),
  max: z.int().min(1).max(1_024).default(4),
  warm: z.int().min(0).max(256).default(1),
});

export type ClonePoolConfig = z.infer<typeof clonePoolSchema>;

/** A clone has a size that its pool offers: the smallest with room for what is asked for. @throws `no-size-fits`, `image-not-allowed` */
export function planClone(file: TaskFile, name: string, pool: ClonePoolConfig): VmRequest {
  const size = smallestFitting(pool.sizes, wantedBy(file));
  if (size === null) throw noSizeFits(file, name, pool.sizes);
  const image = file.image ?? pool.image;
  requireAllowedImage(image, name, pool);
  return { image, size, ...egressOf(file) };
}

function egressOf({ egress = 'none' }: TaskFile): Pick<VmRequest, 'egress' | 'allow'> {
  return typeof egress === 'string' ? { egress } : { egress: 'none', allow: [...new Set(egress.allow)].sort() };
}
