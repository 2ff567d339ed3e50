/** `/v1/tokens`: made, listed, revoked; `/v1/whoami`: what the token that asks is. Texts are said once and never logged. */
import { randomBytes } from 'node:crypto';
import { tokenRoutes as routes, type TokenView } from '@vm-task/api/tokens';
import { createToken, revokeToken } from '@vm-task/bus/tokens';
import { VmTaskError } from '@vm-task/shared/errors';
import { parseName } from '@vm-task/shared/ids';
import { reservedTokenNames, type TokenRecord, tokenPrefix } from '@vm-task/shared/people';
import { hashOfToken, tokensMax, whyOver } from '../people/token-book.ts';
import { askerOf } from './guard.ts';
import { parseBody } from './parse-body.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

/** As many bits as the hash has. */
const secretBytes = 32;

export function tokenRoutes(app: App, deps: HttpDeps): void {
  createRoute(app, deps);
  listRoute(app, deps);
  revokeRoute(app, deps);
  selfRoute(app);
}

function createRoute(app: App, { bus, tokens, log }: HttpDeps): void {
  serve(app, routes.create, async (request) => {
    const { name, role, team = null, expires } = parseBody(request.body, routes.create.body);
    requireFree(name, tokens.records.length);
    const now = await bus.now();
    const token = `${tokenPrefix}${randomBytes(secretBytes).toString('base64url')}`;
    const record: TokenRecord = {
      v: 1,
      name,
      hash: hashOfToken(token),
      role,
      team,
      createdBy: askerOf(request).name,
      createdAt: now.toISOString(),
      expiresAt: expires === undefined ? null : new Date(now.getTime() + expires).toISOString(),
      revokedAt: null,
    };
    await createToken(bus.connection, record);
    await tokens.refresh();
    log.info({ token: name, role, team, by: record.createdBy }, 'token made');
    return { ...viewOf(record, now.getTime()), token };
  });
}

/** @throws `token-exists`, `stream-full`. */
function requireFree(name: string, known: number): void {
  if (reservedTokenNames.includes(name)) {
    throw new VmTaskError('token-exists', `"${name}" is what the system itself is called; choose another name`);
  }
  if (known < tokensMax) return;
  throw new VmTaskError('stream-full', `there are ${known} tokens, those that are over included, and may be no more`);
}

function listRoute(app: App, { bus, tokens }: HttpDeps): void {
  serve(app, routes.list, async () => {
    const [now] = await Promise.all([bus.now(), tokens.refresh()]);
    return { tokens: tokens.records.map((record) => viewOf(record, now.getTime())) };
  });
}

function revokeRoute(app: App, { bus, tokens, log }: HttpDeps): void {
  serve(app, routes.revoke, async (request) => {
    const name = parseName('token', request.params.name);
    const now = await bus.now();
    const revoked = await revokeToken(bus.connection, name, now);
    await tokens.refresh();
    log.info({ token: name, by: askerOf(request).name }, 'token revoked');
    return viewOf(revoked, now.getTime());
  });
}

function selfRoute(app: App): void {
  serve(app, routes.self, async (request) => {
    const { name, role, team, expiresAt } = askerOf(request);
    return { name, role, team, expiresAt };
  });
}

function viewOf(record: TokenRecord, nowMs: number): TokenView {
  const { v: _v, hash: _hash, ...said } = record;
  const isOver = whyOver(record, nowMs) !== null;
  return { ...said, status: record.revokedAt !== null ? 'revoked' : isOver ? 'expired' : 'valid' };
}
