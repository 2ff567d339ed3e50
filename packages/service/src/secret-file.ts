/**
 * Secrets: files of the operator in the home, 0600, one each. A value has 4 characters or more: where it is masked in
 * output, a shorter one would shred that without hiding anything.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { parseName } from '@vm-task/shared/ids';

const valueMinChars = 4;
/** As all secrets of a task together: what is longer cannot be looked for in its output. */
const valueMaxBytes = 32 * 1024;

/** The text of the secret's file without one line end. @throws `secret-unusable`, with what sets it right. */
export async function readSecret(home: Home, name: string): Promise<string> {
  const path = home.secret(parseName('secret', name));
  const bytes = await readOwnFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof VmTaskError) throw error;
    const hint = error.code === 'ENOENT' ? `there is no ${path}; write the value there, mode 0600` : error.message;
    throw new VmTaskError('secret-unusable', `the secret "${name}" cannot be read: ${hint}`, { cause: error });
  });
  const value = decode(bytes, path).replace(/\r?\n$/, '');
  if ([...value].length >= valueMinChars && !value.includes('\0')) return value;
  throw unusable(
    path,
    `must have at least ${valueMinChars} characters, or masking it would shred the output, and no NUL`,
  );
}

async function readOwnFile(path: string): Promise<Buffer> {
  // Neither a link nor a pipe: what the operator protected is what is read, and nothing waits.
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (!stat.isFile()) throw unusable(path, 'must be a regular file');
  if ((stat.mode & 0o077) !== 0) {
    throw unusable(path, `may be read by others (mode ${(stat.mode & 0o777).toString(8)}): run chmod 600 ${path}`);
  }
  if (stat.size > valueMaxBytes) throw unusable(path, `has ${stat.size} bytes and may have ${valueMaxBytes}`);
  return await file.readFile();
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new VmTaskError('secret-unusable', `${path} must be UTF-8 text, because it becomes an environment variable`, {
      cause: error,
    });
  }
}

function unusable(path: string, why: string): VmTaskError {
  return new VmTaskError('secret-unusable', `${path} ${why}`);
}
