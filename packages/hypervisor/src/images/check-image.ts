import { resolveImage } from './ensure-image.ts';
import type { ImageRef } from './image.ts';
import type { ImageStore } from './image-store.ts';
import { requireUnaltered } from './signature.ts';

export type ImageHealth = 'whole' | 'built at first use';

/**
 * What that name stands for is on disk as this home has signed it, every byte, or can be made. Safe while VMs run from it.
 * @throws `image-not-found`, `image-altered`, `image-unreadable` with what is wrong.
 */
export async function checkImage(store: ImageStore, ref: ImageRef, signal: AbortSignal): Promise<ImageHealth> {
  const resolution = await resolveImage(store, ref);
  if (resolution.kind === 'to-build') return 'built at first use';
  const { folder, files } = resolution.image;
  await requireUnaltered(folder, files, signal);
  return 'whole';
}
