import { VmTaskError } from '@vm-task/shared/errors';
import { tryTool } from '../run-tool.ts';
import { resolveImage } from './ensure-image.ts';
import { type ImageRef, imageDisk } from './image.ts';
import { formatImageRef } from './image-ref.ts';
import type { ImageStore } from './image-store.ts';

export type ImageHealth = 'whole' | 'built at first use';

/**
 * What that name stands for is whole on disk, or can be made. Safe while VMs run from it.
 * @throws `image-not-found`, `image-unreadable` with what is wrong.
 */
export async function checkImage(store: ImageStore, ref: ImageRef, signal: AbortSignal): Promise<ImageHealth> {
  const resolution = await resolveImage(store, ref);
  if (resolution.kind === 'to-build') return 'built at first use';
  const disk = imageDisk(resolution.image);
  const { exitCode, complaint } = await tryTool('qemu-img', ['check', '--force-share', '-f', 'qcow2', disk], {
    signal,
  });
  if (exitCode === 0) return 'whole';
  throw new VmTaskError(
    'image-unreadable',
    `${formatImageRef(resolution.image.ref)}: ${disk} is damaged: ${complaint}`,
  );
}
