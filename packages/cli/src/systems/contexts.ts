/** Systems that `vm-task login` has kept: a file of the user's own, 0600, because tokens are in it. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Remote } from './remote.ts';

export interface Contexts {
  /** The name of one of them; null is the home of this machine. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, Remote>>;
}

/** The home of this machine, beside the names of contexts. */
export const localContext = 'local';

/** @throws `invalid-config` when it cannot be read, or others can. */
export function readContexts(file: string): Contexts {
  const text = readOwnFile(file);
  if (text === null) return { current: null, contexts: {} };
  try {
    const { current, contexts } = JSON.parse(text) as { current: unknown; contexts: object };
    const known = Object.fromEntries(Object.entries(contexts).map(([name, context]) => [name, remoteIn(context)]));
    if (current !== null && (typeof current !== 'string' || !Object.hasOwn(known, current))) {
      throw new Error(`current is ${JSON.stringify(current)}, which is no context`);
    }
    return { current, contexts: known };
  } catch (error) {
    const message = `${file} cannot be used (${(error as Error).message}); remove it, and log in again`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
}

/** Null where there is none. */
function readOwnFile(file: string): string | null {
  let opened: number;
  try {
    opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw new VmTaskError('invalid-config', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    if ((fstatSync(opened).mode & 0o077) === 0) return readFileSync(opened, 'utf8');
    throw new VmTaskError('invalid-config', `${file} may be read by others, and has tokens: run chmod 600 ${file}`);
  } finally {
    closeSync(opened);
  }
}

function remoteIn(context: Record<string, unknown>): Remote {
  const { url, token, ca = null } = context;
  if (typeof url === 'string' && typeof token === 'string' && (ca === null || typeof ca === 'string'))
    return { url, token, ca };
  throw new Error('a context needs url and token');
}

/** @throws `invalid-request` for what is no name of a context. */
export function requireContextName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && name !== localContext) return name;
  const rule = `letters, digits, ".", "_" and "-", up to 64, and not "${localContext}"; choose one with --name`;
  throw new VmTaskError('invalid-request', `${JSON.stringify(name)} cannot be the name of a context: ${rule}`);
}
