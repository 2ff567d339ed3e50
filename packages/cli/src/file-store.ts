/** Files that are brought here: under a name of their own in one folder, whole or not at all. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { shownPath } from '@vm-task/shared/shown-path';

export interface Target {
  /** An absolute path; made where it is not there. */
  readonly folder: string;
  /** As `fileNameOf` gives it. */
  readonly name: string;
  /** In the place of what has that name. */
  readonly force: boolean;
}

/** The last part of a path that others wrote. @throws `artifact-refused` when that is the name of no file. */
export function fileNameOf(path: string): string {
  const name = path.split('/').at(-1) ?? '';
  if (name !== '' && name !== '.' && name !== '..' && !name.includes('\0')) return name;
  throw new VmTaskError('artifact-refused', `${shownPath(path)} ends in no name that a file can have here`);
}

/**
 * Returns the path once all bytes are there; until then they have another name beside it, which goes in any case. A link of
 * that name is replaced, not followed.
 * @throws `file-exists`; whatever `content` throws.
 */
export async function storeFile(
  content: AsyncIterable<Uint8Array>,
  { folder, name, force }: Target,
  executable: boolean,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const part = join(folder, `.vm-task-${randomUUID()}`);
  const target = join(folder, name);
  try {
    await using file = await open(part, 'wx', executable ? 0o777 : 0o666);
    for await (const chunk of content) await file.writeFile(chunk);
    // Unlike a rename, it fails where something is.
    if (force) await rename(part, target);
    else await link(part, target);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(target, error) : error;
  } finally {
    await rm(part, { force: true });
  }
  return target;
}

function exists(target: string, cause: unknown): VmTaskError {
  return new VmTaskError('file-exists', `${shownPath(target)} is there already; --force replaces it`, { cause });
}
