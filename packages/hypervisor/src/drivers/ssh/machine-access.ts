/** The way to a named VM, as `vm-task.yaml` has it. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { NamedPoolConfig } from './pool.ts';

export function accessOf({ host, port, user, hostKey }: NamedPoolConfig): VmAccess {
  return { host, port, user, hostKey };
}

/**
 * The path of the login's private key, which nobody else can read.
 * @throws `key-unusable`, with what sets it right.
 */
export async function checkedKey(home: Home, pool: string, { key }: NamedPoolConfig): Promise<string> {
  const path = resolve(home.root, key);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const hint = error.code === 'ENOENT' ? 'put the private key there, mode 0600' : error.message;
    throw new VmTaskError('key-unusable', `the key of the named VM "${pool}", ${path}, cannot be read: ${hint}`, {
      cause: error,
    });
  });
  if (found.isFile() && (found.mode & 0o077) === 0) return path;
  const mode = (found.mode & 0o777).toString(8);
  const why = found.isFile() ? `may be read by others (mode ${mode}): run chmod 600 ${path}` : 'must be a file';
  throw new VmTaskError('key-unusable', `the key of the named VM "${pool}", ${path}, ${why}`);
}
