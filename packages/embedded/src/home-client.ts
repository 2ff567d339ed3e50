/**
 * The HTTP API of a home. Its token goes to the home's own socket and nowhere else: at an address of the loopback anybody on
 * this machine may listen once intake was killed. While the system is up an intake that ended comes back.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '@vm-task/client/client';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { askSocket } from './ask-http.ts';
import { readHttpToken } from './http-token.ts';

/** The address that intake listens at; null while it does not: an intake that drains takes it away before it ends. */
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
 * The address that intake listens at: for whoever is shown it, and for tests.
 *
 * @throws `not-up` when it listens nowhere
 */
export function httpUrl(home: Home): string {
  const url = findHttpUrl(home);
  if (url !== null) return url;
  throw notUp(home);
}

function notUp(home: Home): VmTaskError {
  return new VmTaskError('not-up', `no system is up on ${home.root}; start it with ./vm-task up --detach`);
}

/** @throws `not-up` when there is no socket. */
function requireSocket(home: Home): void {
  if (existsSync(home.httpSocket)) return;
  if (findHttpUrl(home) === null) throw notUp(home);
  const again = './vm-task down && ./vm-task up --detach starts this version';
  throw new VmTaskError('not-up', `the intake on ${home.root} is of a version without ${home.httpSocket}; ${again}`);
}

export function createHomeClient(home: Home): Client {
  const address = () => {
    requireSocket(home);
    return { url: 'http://localhost', token: readHttpToken(home), shown: home.httpSocket };
  };
  // Loaded when it is asked for, which is when intake has not answered.
  const isComingBack = async () => {
    const { readState } = await import('./state.ts');
    return (readState(home)?.phase ?? 'stopping') !== 'stopping';
  };
  return createClient(address, { isComingBack, fetch: askSocket(home.httpSocket) });
}
