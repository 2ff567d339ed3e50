/** Who may ask what: every route of the contract, asked with a token of each role. */
import { readFileSync } from 'node:fs';
import { allRoutes } from '@vm-task/api/api';
import type { Route } from '@vm-task/api/route';
import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import { isAtLeast, tokenRoles } from '@vm-task/shared/token-roles';
import { tableIn } from '@vm-task/testing/markdown';
import { expect, test } from 'vitest';
import { eachRole, storedTokens, tokenRecord } from '../../test/token-records.ts';
import { createGuessLimit } from '../people/guess-limit.ts';
import { guardApp } from './guard.ts';
import { sendProblem } from './problem.ts';
import { serve } from './serve.ts';
import { createServer } from './server.ts';

/** Every route, let in as by intake, which then answers that it has nothing. */
async function appWith(...records: Parameters<typeof storedTokens>) {
  const stored = storedTokens(...records);
  await stored.book.refresh();
  const app = createServer();
  const deps = { token: 'right', tokens: stored.book, guesses: createGuessLimit(() => 0), identity: null };
  guardApp(app, deps, 'localhost');
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, silentLogger));
  for (const route of allRoutes) {
    serve(app, route, () => Promise.reject(new VmTaskError('not-found', 'nothing is served here')));
  }
  const ask = async ({ method, path }: Pick<Route, 'method' | 'path'>, token: string) => {
    const url = path.replace(/:\w+/, 'x').replace('*', 'x');
    const answer = await app.inject({ method, url, headers: { authorization: `Bearer ${token}` } });
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  };
  return { stored, ask, [Symbol.asyncDispose]: () => app.close() };
}

const guarded = allRoutes.filter(({ role }) => role !== 'anyone');

test('each route has a least role: with a lesser one it answers 403 and names it, and with it never', async () => {
  await using app = await appWith(...tokenRoles.map(eachRole));
  expect(guarded.length).toBeGreaterThan(25);
  for (const route of guarded) {
    for (const role of tokenRoles) {
      const { status, body } = await app.ask(route, `vmt_${role}`);
      const refused = !isAtLeast(role, route.role as (typeof tokenRoles)[number]);
      const what = `${route.method} ${route.path} for a ${role}`;
      expect(status === 403, what).toBe(refused);
      if (refused) expect(JSON.parse(body), what).toMatchObject({ code: 'forbidden' });
      if (refused) expect(body, what).toContain(`takes the role ${route.role}`);
    }
  }
});

test('what changes something takes more than a viewer, and only whether it is alive is told to anyone', () => {
  expect(allRoutes.filter(({ method, role }) => method !== 'GET' && role === 'viewer')).toEqual([]);
  const open = allRoutes.filter(({ role }) => role === 'anyone').map(({ path }) => path);
  expect(open).toEqual(['/healthz', '/readyz']);
});

test('what is about the whole home is not for a token of a team, whatever its role', async () => {
  await using app = await appWith(tokenRecord('red', { role: 'admin', team: 'red' }));
  for (const route of guarded) {
    const { status, body } = await app.ask(route, 'vmt_red');
    expect(status === 403, route.path).toBe(route.homeWide === true);
    if (status === 403) expect(body).toContain('it takes a token without a team');
  }
});

test('docs/teams.md says of every route which role it takes', () => {
  const page = readFileSync(new URL('../../../../docs/teams.md', import.meta.url), 'utf8');
  const routes = page.slice(page.indexOf('## Routes'));
  const noteOf = ({ own, homeWide }: Route) =>
    [own === true ? 'own' : '', homeWide === true ? 'home' : ''].filter((word) => word !== '').join(', ');
  const expected = allRoutes.map((route) => [`${route.method} ${route.path}`, route.role, noteOf(route)]);
  expect(tableIn(routes)).toEqual(expected);
});

test('after ten wrong tokens from an address a wrong one is told to wait, and a right one is let in', async () => {
  await using app = await appWith(tokenRecord('early'), tokenRecord('late'));
  const route = { method: 'GET', path: '/v1/whoami' } as const;
  expect((await app.ask(route, 'vmt_early')).status).toBe(404);
  for (let n = 0; n < 10; n++) expect((await app.ask(route, n % 2 === 0 ? `vmt_${n}` : 'guess')).status).toBe(401);
  for (const token of ['vmt_guess', 'guess']) {
    const { status, headers, body } = await app.ask(route, token);
    expect([token, status, headers['retry-after'], JSON.parse(body).code]).toEqual([
      token,
      429,
      '60',
      'too-many-guesses',
    ]);
  }
  for (const token of ['vmt_early', 'vmt_late', 'right']) expect((await app.ask(route, token)).status).toBe(404);
});

test('a token that is over is refused with a sentence, and one that nobody can look up as such', async () => {
  const revokedAt = '2026-05-01T00:00:00.000Z';
  await using app = await appWith(tokenRecord('gone', { revokedAt }), tokenRecord('ci'));
  const route = { method: 'GET', path: '/v1/whoami' } as const;
  const gone = await app.ask(route, 'vmt_gone');
  expect([gone.status, JSON.parse(gone.body).detail]).toEqual([
    401,
    expect.stringContaining(`revoked at ${revokedAt}`),
  ]);
  app.stored.nowMs += 60_000;
  expect((await app.ask(route, 'vmt_ci')).status).toBe(503);
  expect((await app.ask(route, 'right')).status).toBe(404);
});
