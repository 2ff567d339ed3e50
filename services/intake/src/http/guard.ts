/**
 * Who may speak to the API: whoever has the home's token. A web page that resolves its own name to this machine is
 * refused by its name, and no answer ever carries a CORS header.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { FastifyRequest } from 'fastify';
import type { Identity } from './tls.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token. */
    open?: boolean;
  }
}

/** @throws `invalid-config` when the home has none, with what makes one. */
export function readToken(home: Home): string {
  const file = join(home.credentials, 'http-token');
  let token = '';
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    const why = (error as Error).message;
    throw new VmTaskError('invalid-config', `the HTTP token ${file} cannot be read (${why}); ./vm-task up makes it`, {
      cause: error,
    });
  }
  if (token !== '') return token;
  throw new VmTaskError('invalid-config', `the HTTP token ${file} is empty; remove it and run ./vm-task up`);
}

/** @throws `host-refused`. An address cannot be rebound, so only names have to be known, by the configuration or by the certificate. */
export function requireKnownHost(request: FastifyRequest, configuredHost: string, identity: Identity | null): void {
  const host = (request.headers.host ?? '').replace(/:\d*$/, '').toLowerCase();
  const address = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0 || host === 'localhost' || host === configuredHost.toLowerCase()) return;
  if (identity?.isFor(host) === true) return;
  throw new VmTaskError('host-refused', `this is not ${JSON.stringify(host)}; use the address in run/http.json`);
}

/** @throws `unauthorized`. Takes the same time whatever was given. */
export function requireToken(request: FastifyRequest, token: string): void {
  if (request.routeOptions.config.open === true) return;
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new VmTaskError(
    'unauthorized',
    'send the token of credentials/http-token in the home as "Authorization: Bearer …"',
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
