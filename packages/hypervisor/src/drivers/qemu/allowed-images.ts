/** Which images a pool's tasks may name. It knows names as they are written and no image, so that nobody loads them to read a pool. */
import { VmTaskError } from '@vm-task/shared/errors';
import { namePattern } from '@vm-task/shared/ids';
import { versionPattern } from '@vm-task/shared/versions';
import { z } from 'zod';

/** `name`: every version of it. `name@version`: that one, asked for by its version. */
export const allowedImageSchema = z.string().refine(isImageRef, 'write the name of an image, or name@version');

export interface AllowedImages {
  /** What tasks that name no image get: always allowed, as it is written. */
  readonly image: string;
  /** Absent: every image. */
  readonly images?: readonly string[] | undefined;
}

/**
 * What a task asks for is one of the pool's images.
 * @throws `image-not-allowed` with those that are.
 */
export function requireAllowedImage(asked: string, poolName: string, pool: AllowedImages): void {
  if (pool.images === undefined) return;
  const allowed = [...new Set([pool.image, ...pool.images])];
  if (allowed.some((one) => one === asked || asked.startsWith(`${one}@`))) return;
  throw new VmTaskError(
    'image-not-allowed',
    `pool "${poolName}" does not allow the image "${asked}"; it allows ${allowed.join(', ')}. Ask for one of these, or add it to the images of the pool in vm-task.yaml`,
  );
}

function isImageRef(text: string): boolean {
  const [name = '', version, ...more] = text.split('@');
  return namePattern.test(name) && (version === undefined || versionPattern.test(version)) && more.length === 0;
}
