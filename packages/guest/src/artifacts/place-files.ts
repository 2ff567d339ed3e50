/** Files that a task is given, written into the guest before anything of the task runs there. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { GuestConnection } from '../connect.ts';
import { Sftp } from './sftp.ts';

export interface GivenFile {
  /** Relative to the folder, with `/` between its parts. */
  readonly path: string;
  /** By whoever may read it. */
  readonly executable: boolean;
  /** Asked for once in each try. Whatever it throws ends the placing. */
  readonly content: () => AsyncIterable<Uint8Array>;
}

export interface PlacingRequest {
  /** Relative to the login's home; the folder that it is in is there. */
  readonly folder: string;
  /** Of this try: another one, by whomever, never writes into the same files. */
  readonly by: string;
  readonly files: readonly GivenFile[];
  readonly signal: AbortSignal;
}

/**
 * Returns the folder's absolute path once it has all of the files: it appears as a whole or not at all, and one that
 * is there stays as it is, so a task that has begun finds no file changed.
 * @throws `artifact-refused` for a path that leads out, before anything is written; `ssh-lost`, `guest-failed`.
 */
export async function placeFiles(connection: GuestConnection, request: PlacingRequest): Promise<string> {
  const { folder, by, files, signal } = request;
  for (const { path } of files) checkPath(path);
  using sftp = await Sftp.open(connection, signal);
  if (!(await isThere(sftp, folder))) {
    const part = `${folder}.${by}`;
    const made = new Set<string>();
    await makeFolders(sftp, part, made);
    for (const { path, content, executable } of files) {
      const target = `${part}/${path}`;
      await makeFolders(sftp, target.slice(0, target.lastIndexOf('/')), made, part);
      await sftp.write(target, content(), executable ? 0o755 : 0o644);
    }
    await takePlace(sftp, part, folder);
  }
  return await sftp.realpath(folder);
}

function checkPath(path: string): void {
  const parts = path.split('/');
  if (!path.includes('\0') && parts.every((part) => part !== '' && part !== '.' && part !== '..')) return;
  throw new VmTaskError('artifact-refused', `the file ${JSON.stringify(path)} would not be inside the task's folder`);
}

/** `path` and the folders above it, up to `top`. An earlier try may have made them. */
async function makeFolders(sftp: Sftp, path: string, made: Set<string>, top = path): Promise<void> {
  if (made.has(path)) return;
  if (path !== top) await makeFolders(sftp, path.slice(0, path.lastIndexOf('/')), made, top);
  await sftp.makeFolder(path).catch(async (error: unknown) => {
    if (!(await isThere(sftp, path))) throw error;
  });
  made.add(path);
}

/** Where somebody else was faster, theirs counts: it has the same files. */
async function takePlace(sftp: Sftp, part: string, folder: string): Promise<void> {
  await sftp.rename(part, folder).catch(async (error: unknown) => {
    if (!(await isThere(sftp, folder))) throw error;
  });
}

async function isThere(sftp: Sftp, path: string): Promise<boolean> {
  try {
    return (await sftp.stat(path)).isDirectory();
  } catch (error) {
    if (error instanceof VmTaskError && error.code === 'guest-failed') return false;
    throw error;
  }
}
