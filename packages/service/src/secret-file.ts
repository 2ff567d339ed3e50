/**
 * Secrets: files of the operator in the home, 0600, one each. A value has 4 characters or more: where it is masked in
 * output, a shorter one would shred that without hiding anything.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { parseName } from '@vm-task/shared/ids';
import { secretMaxBytes, secretProblem } from '@vm-task/shared/secret-value';

/** The text of the secret's file without one line end. @throws `secret-unusable`, with what sets it right. */
export async function readSecret(home: Home, name: string): Promise<string> {
  const value = await findSecret(home, name);
  if (value !== null) return value;
  const hint = `there is no ${home.secret(name)}; write the value there, mode 0600`;
  throw new VmTaskError('secret-unusable', `the secret "${name}" cannot be read: ${hint}`);
}

/** The same, and null where there is no such file. @throws `secret-unusable` */
export async function findSecret(home: Home, name: string): Promise<string | null> {
  const path = home.secret(parseName('secret', name));
  const bytes = await readOwnFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof VmTaskError) throw error;
    if (error.code === 'ENOENT') return null;
    throw new VmTaskError('secret-unusable', `the secret "${name}" cannot be read: ${error.message}`, { cause: error });
  });
  if (bytes === null) return null;
  const value = decode(bytes, path).replace(/\r?\n$/, '');
  const problem = secretProblem(value);
  if (problem !== null) throw unusable(path, problem);
  return value;
}

async function readOwnFile(path: string): Promise<Buffer> {
  // Neither a link nor a pipe: what the operator protected is what is read, and nothing waits.
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (!stat.isFile()) throw unusable(path, 'must be a regular file');
  if ((stat.mode & 0o077) !== 0) {
    throw unusable(path, `may be read by others (mode ${(stat.mode & 0o777).toString(8)}): run chmod 600 ${path}`);
  }
  if (stat.size > secretMaxBytes) throw unusable(path, `has ${stat.size} bytes and may have ${secretMaxBytes}`);
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
