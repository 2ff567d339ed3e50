import { chown, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Gives the folder, and the files in it that one may write to, to their user; null leaves all as it is. */
export async function ownFolder(folder: string, owner: Owner | null): Promise<void> {
  if (owner === null) return;
  const paths = (await readdir(folder)).map((name) => join(folder, name));
  const writable = await Promise.all(paths.map(async (path) => ((await stat(path)).mode & 0o200 ? [path] : [])));
  for (const path of [folder, ...writable.flat()]) await chown(path, owner.uid, owner.gid);
}
