/** Folders of tests: under the system's temporary folder, named after this process, removed when disposed of. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

const prefix = `vm-task-test-${process.pid}-`;

/** An empty folder of one's own; `about` is for whoever finds it. */
export async function makeTempFolder(about: string): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), `${prefix}${about}-`));
  return {
    path,
    // Something may still be closing its files in there; a few tries are enough.
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** The folders that this process has made and not removed. */
export async function tempFoldersLeft(): Promise<string[]> {
  const names = await readdir(tmpdir());
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(tmpdir(), name));
}
