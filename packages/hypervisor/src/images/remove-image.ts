import { rm, stat } from 'node:fs/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import { type ImageVersion, imageDisk } from './image.ts';
import { formatImageRef } from './image-ref.ts';
import {
  cachedImage,
  type ImageStore,
  knownImage,
  lockImage,
  registeredRefs,
  unregisterImage,
  type Watch,
} from './image-store.ts';
import { imageUsers } from './image-users.ts';

/** What became of the image's bytes; `shared` is for whoever wonders why no space became free. */
export type Removal =
  | { readonly kind: 'freed'; readonly bytes: number }
  | { readonly kind: 'shared'; readonly links: number };

/**
 * Exactly this version is gone from this home, and its bytes too unless another home or a snapshot has them as well:
 * they go with the last hard link. @throws `image-in-use` with the VMs that run from it; `image-not-found`.
 */
export async function removeImage(store: ImageStore, ref: ImageVersion, watch: Watch): Promise<Removal> {
  const image = await knownImage(store, ref);
  if (image === null) throw await notFound(store, ref);
  const vms = await imageUsers(store.home, image);
  if (vms.length > 0) {
    const name = formatImageRef(ref);
    throw new VmTaskError(
      'image-in-use',
      `${name} is in use by ${vms.join(', ')}; remove it when their tasks are done`,
    );
  }
  await using _lock = await lockImage(store, image.fingerprint, watch);
  const { size } = await stat(imageDisk(image));
  await unregisterImage(store, ref, watch);
  const cached = await cachedImage(store, image.fingerprint);
  if (cached === null) return { kind: 'freed', bytes: size };
  const { nlink } = await stat(imageDisk(cached));
  if (nlink > 1) return { kind: 'shared', links: nlink - 1 };
  await rm(cached.folder, { recursive: true });
  return { kind: 'freed', bytes: size };
}

async function notFound(store: ImageStore, ref: ImageVersion): Promise<VmTaskError> {
  const known = (await registeredRefs(store)).map(formatImageRef).sort();
  const list = known.length === 0 ? 'this home has none' : `this home has ${known.join(', ')}`;
  return new VmTaskError('image-not-found', `there is no image ${formatImageRef(ref)} to remove; ${list}`);
}
