/** The HTTP API of a home: where it listens is in `run/http.json`, and while the system is up an intake that ended comes back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '@vm-task/client/client';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { askHttp } from './ask-http.ts';
import { readHttpToken } from './http-token.ts';

/** Where intake listens; null while it does not: an intake that drains takes its address away before it ends. */
export function findHttpUrl(home: Home): string | null {
  try {
    const { url } = JSON.parse(readFileSync(join(home.run, 'http.json'), 'utf8')) as { url?: unknown };
    if (typeof url !== 'string') throw new Error(`${home.run}/http.json has no url`);
    return url;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/**
 * Where intake listens.
 *
 * @throws `not-up` when it listens nowhere
 */
export function httpUrl(home: Home): string {
  const url = findHttpUrl(home);
  if (url !== null) return url;
  throw new VmTaskError('not-up', `no system is up on ${home.root}; start it with ./vm-task up --detach`);
}

export function createHomeClient(home: Home): Client {
  const address = () => ({ url: httpUrl(home), token: readHttpToken(home) });
  // Loaded when it is asked for, which is when intake has not answered.
  const isComingBack = async () => {
    const { readState } = await import('./state.ts');
    return (readState(home)?.phase ?? 'stopping') !== 'stopping';
  };
  return createClient(address, { isComingBack, fetch: askHttp });
}
