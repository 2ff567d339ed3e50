/** Making a folder with all that it is in, for paths that a user gives. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Each is made once: `mkdir` of Node with `recursive` never returns where the system takes no folder, as under /proc. @throws the system's own error. */
export function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    makeFolder(dirname(path), mode);
    try {
      mkdirSync(path, { mode });
    } catch (again) {
      if ((again as NodeJS.ErrnoException).code !== 'EEXIST') throw again;
    }
  }
}
