/** Which images a pool's tasks may name. */
import { VmTaskError } from '@vm-task/shared/errors';
import { parseImageRef } from '../../images/image-ref.ts';

export interface AllowedImages {
  /** What tasks that name no image get: always allowed, as it is written. */
  readonly image: string;
  /** `name`: every version of it. `name@version`: that one, asked for by its version. Absent: every image. */
  readonly images?: readonly string[] | undefined;
}

/**
 * What a task asks for is one of the pool's images.
 * @throws `image-not-allowed` with those that are; `invalid-id`
 */
export function requireAllowedImage(asked: string, poolName: string, pool: AllowedImages): void {
  if (pool.images === undefined || asked === pool.image) return;
  const { name, version } = parseImageRef(asked);
  const isAllowed = [pool.image, ...pool.images].map(parseImageRef).some((allowed) => {
    return allowed.name === name && (allowed.version === null || allowed.version === version);
  });
  if (isAllowed) return;
  const list = [...new Set([pool.image, ...pool.images])].join(', ');
  throw new VmTaskError(
    'image-not-allowed',
    `pool "${poolName}" does not allow the image "${asked}"; it allows ${list}. Ask for one of these, or add it to the images of the pool in vm-task.yaml`,
  );
}
