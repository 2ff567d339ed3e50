/** What a home has on disk, split into what grows with every task on purpose and what must not grow at all. */
import { lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Home } from '@vm-task/shared/home';

export interface DiskUse {
  /** Streams, their projection, and logs: a task leaves its events there. */
  readonly recordsMiB: number;
  /** All else. */
  readonly restMiB: number;
}

const records = ['nats', 'intake', 'logs'];

export function diskUseOf(home: Home): DiskUse {
  const use = { recordsMiB: 0, restMiB: 0 };
  for (const entry of readdirSync(home.root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const [top = ''] = relative(home.root, path).split('/');
    // In units of 512 bytes, whatever the file system's are; a file that went meanwhile has none.
    const { blocks = 0 } = lstatSync(path, { throwIfNoEntry: false }) ?? {};
    use[records.includes(top) ? 'recordsMiB' : 'restMiB'] += (blocks * 512) / 1024 ** 2;
  }
  return use;
}
