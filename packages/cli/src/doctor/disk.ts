/** Room for state and images, and that the two can share files. */
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { leastDiskBytes } from '@vm-task/bus/streams';
import { type Check, type Finding, fail, pass, warn } from './check.ts';

/** An image is built in 2 GiB, beside what must be free for tasks to be taken. */
const comfortableBytes = 2 * leastDiskBytes;

export interface Place {
  readonly name: string;
  readonly path: string;
  readonly device: number;
  readonly freeBytes: number;
}

export const disk: Check = {
  name: 'disk',
  limitMs: 10_000,
  async look({ environment: { home, cache } }) {
    return assessDisk(await measure('home', home.root), await measure('cache', cache.root));
  },
};

/** Of the folder, or of the one that it will be made in. */
async function measure(name: string, path: string): Promise<Place> {
  try {
    const [{ dev }, { bavail, bsize }] = await Promise.all([stat(path), statfs(path)]);
    return { name, path, device: dev, freeBytes: bavail * bsize };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) throw error;
    return { ...(await measure(name, dirname(path))), path };
  }
}

const GiB = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

export function assessDisk(home: Place, cache: Place): Finding {
  if (home.device !== cache.device) {
    const fix = "set VM_TASK_CACHE to a folder on the home's filesystem";
    return fail(`the home ${home.path} and the cache ${cache.path} are on two filesystems, and share files`, fix);
  }
  const free = `${GiB(home.freeBytes)} are free for home and cache`;
  const fix = `make room on the filesystem of ${home.path}; ./vm-task image rm removes images that nothing uses`;
  if (home.freeBytes < leastDiskBytes) return fail(`${free}; below ${GiB(leastDiskBytes)} no task is taken`, fix);
  if (home.freeBytes < comfortableBytes) return warn(`${free}; below ${GiB(leastDiskBytes)} no task is taken`, fix);
  return pass(free);
}
