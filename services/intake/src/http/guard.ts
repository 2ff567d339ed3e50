/**
 * Who may speak to the API: whoever has the home's token, or one that was made with it. A web page that resolves its own
 * name to this machine is refused by its name, and no answer ever carries a CORS header.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Route } from '@vm-task/api/route';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { tokenPrefix } from '@vm-task/shared/people';
import { isAtLeast } from '@vm-task/shared/token-roles';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Asker, homeAsker } from '../people/asker.ts';
import type { GuessLimit } from '../people/guess-limit.ts';
import type { TokenBook } from '../people/token-book.ts';
import type { Identity } from './tls.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a token has to be. */
    access?: Pick<Route, 'role' | 'homeWide'>;
  }
  interface FastifyRequest {
    /** Null where nobody needs a token. */
    asker: Asker | null;
  }
}

export interface GuardDeps {
  /** The home's own. */
  readonly token: string;
  readonly tokens: Pick<TokenBook, 'find'>;
  readonly guesses: GuessLimit;
  /** Null where the address is listened at without TLS. */
  readonly identity: Identity | null;
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
function requireKnownHost(request: FastifyRequest, configuredHost: string, identity: Identity | null): void {
  const host = (request.headers.host ?? '').replace(/:\d*$/, '').toLowerCase();
  const address = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0 || host === 'localhost' || host === configuredHost.toLowerCase()) return;
  if (identity?.isFor(host) === true) return;
  throw new VmTaskError('host-refused', `this is not ${JSON.stringify(host)}; use the address in run/http.json`);
}

/** From here on every request of the app has been let in, and is known as somebody's. */
export function guardApp(app: FastifyInstance, deps: GuardDeps, configuredHost: string): void {
  app.decorateRequest('asker', null);
  app.addHook('onRequest', async (request, reply) => {
    requireKnownHost(request, configuredHost, deps.identity);
    const { access } = request.routeOptions.config;
    if (access?.role === 'anyone') return;
    // Who is refused is known, too.
    request.asker = identify(deps, request, reply);
    if (access !== undefined) requireAccess(request.asker, access, actOf(request));
  });
  // A body may take a minute to arrive, and the token may be over by then.
  app.addHook('preHandler', async ({ asker }) => {
    if (asker?.over.aborted === true)
      throw new VmTaskError('unauthorized', 'the token is over; ask an admin for another one');
  });
}

/** What is asked for: the method and the route's pattern, in which there is nothing that somebody wrote. */
export function actOf({ method, routeOptions }: FastifyRequest): string {
  return `${method} ${routeOptions.url ?? '(no route)'}`;
}

/** The address that a request came from; `socket` for the home's own. */
export function originOf({ ip }: { readonly ip: string | undefined }): string {
  return ip ?? 'socket';
}

/** Empty where none is sent. */
export function tokenIn({ headers }: Pick<FastifyRequest, 'headers'>): string {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** @throws `forbidden`. */
function requireAccess(asker: Asker, access: Pick<Route, 'role' | 'homeWide'>, what: string): void {
  if (!isAtLeast(asker.role, access.role as Exclude<Route['role'], 'anyone'>)) {
    const message = `${what} takes the role ${access.role}, and the token "${asker.name}" has the role ${asker.role}`;
    throw new VmTaskError('forbidden', message);
  }
  if (access.homeWide === true && asker.team !== null) {
    const message = `${what} is about the whole home, and the token "${asker.name}" is of the team ${asker.team}`;
    throw new VmTaskError('forbidden', `${message}; it takes a token without a team`);
  }
}

/** Of a request to a route that takes a token. */
export function askerOf({ asker }: FastifyRequest): Asker {
  if (asker === null) throw new Error('the route is open to anyone, so nobody knows who asks');
  return asker;
}

/**
 * Takes the same time for every text that is not the home's own token, of which only the hash is looked for.
 *
 * @throws `unauthorized`, `too-many-guesses`, `broker-unreachable`
 */
function identify({ token, tokens, guesses }: GuardDeps, request: FastifyRequest, reply: FastifyReply): Asker {
  const [given, ip] = [tokenIn(request), originOf(request)];
  if (timingSafeEqual(digest(given), digest(token))) return homeAsker;
  // Whoever gives none guesses nothing.
  if (given === '') throw needsToken();
  const found = given.startsWith(tokenPrefix) ? tokens.find(given) : { kind: 'unknown' as const };
  switch (found.kind) {
    case 'valid':
      return found.asker;
    case 'stale':
      throw new VmTaskError(
        'broker-unreachable',
        'NATS does not answer, so nobody knows whether this token still holds',
      );
    case 'over':
      throw new VmTaskError('unauthorized', `${found.why}; ask an admin for another one`);
    case 'unknown':
      refuseGuess(guesses, ip, reply);
  }
}

function refuseGuess(guesses: GuessLimit, address: string, reply: FastifyReply): never {
  const retryAfterS = guesses.retryAfterS(address);
  guesses.wrong(address);
  if (retryAfterS === 0) throw needsToken();
  reply.header('retry-after', retryAfterS);
  throw new VmTaskError('too-many-guesses', `too many wrong tokens came from ${address}; wait for ${retryAfterS} s`);
}

function needsToken(): VmTaskError {
  return new VmTaskError(
    'unauthorized',
    'send a token as "Authorization: Bearer …": that of credentials/http-token in the home, or one of ./vm-task token create',
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
