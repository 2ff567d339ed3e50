/** What is recorded, by the table of routes: a new one is in it and is recorded, or this fails. */
import { allRoutes } from '@vm-task/api/api';
import type { Route } from '@vm-task/api/route';
import { silentLogger } from '@vm-task/service/log';
import { type AuditRecord, auditRecordSchema } from '@vm-task/shared/audit-record';
import { VmTaskError } from '@vm-task/shared/errors';
import { newTaskId } from '@vm-task/shared/new-ids';
import { tokenRoles } from '@vm-task/shared/token-roles';
import { expect, test } from 'vitest';
import { eachRole, storedTokens, tokenRecord } from '../../test/token-records.ts';
import { createGuessLimit } from '../people/guess-limit.ts';
import { auditActs } from './audit-acts.ts';
import { guardApp } from './guard.ts';
import { sendProblem } from './problem.ts';
import { serve } from './serve.ts';
import { createServer } from './server.ts';

type Answering = (route: Route) => { readonly location?: string; readonly answer: object };

/** Every route, with an answer of the test's; without one it is refused as not found. */
async function appWith(answering?: Answering, record: (one: AuditRecord) => Promise<void> = async () => undefined) {
  const stored = storedTokens(...tokenRoles.map(eachRole), tokenRecord('red', { role: 'admin', team: 'red' }));
  await stored.book.refresh();
  const acts: AuditRecord[] = [];
  const refusals: AuditRecord[] = [];
  const guesses: AuditRecord[] = [];
  const keep = (list: AuditRecord[]) => async (one: AuditRecord) => {
    list.push(auditRecordSchema.parse(one));
    await record(one);
  };
  const app = createServer();
  guardApp(
    app,
    { token: 'right', tokens: stored.book, guesses: createGuessLimit(() => 0), identity: null },
    'localhost',
  );
  auditActs(app, { audit: { act: keep(acts), refusal: keep(refusals), guess: keep(guesses) }, now: () => 0 });
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, silentLogger));
  for (const route of allRoutes) {
    serve(app, route, (async (_request: unknown, reply: { header(name: string, value: string): void }) => {
      if (answering === undefined) throw new VmTaskError('not-found', 'nothing is served here');
      const { location, answer } = answering(route);
      if (location !== undefined) reply.header('location', location);
      return answer;
    }) as never);
  }
  const ask = async (method: string, url: string, token: string | null, payload?: object) => {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    return app.inject({ method: method as 'GET', url, headers, ...(payload === undefined ? {} : { payload }) });
  };
  return { acts, refusals, guesses, ask, [Symbol.asyncDispose]: () => app.close() };
}

const task = newTaskId(0);
const secretText = 'S3CRET';
const urlOf = ({ path }: Route) => path.replace(':seq', '7').replace(/:\w+/, task).replace('*', 'x');
const changing = allRoutes.filter(({ method }) => method !== 'GET');

test('each route that is no GET is recorded, with who, act, where from and what was answered; and no GET is', async () => {
  await using app = await appWith();
  expect(changing.length).toBeGreaterThan(15);
  for (const route of allRoutes) await app.ask(route.method, urlOf(route), 'vmt_admin', { value: secretText });
  expect(app.acts.map(({ act }) => act)).toEqual(changing.map(({ method, path }) => `${method} ${path}`));
  for (const record of app.acts) {
    expect(record).toMatchObject({
      at: '1970-01-01T00:00:00.000Z',
      who: { kind: 'token', name: 'admin', team: null },
      from: '127.0.0.1',
      outcome: 404,
    });
  }
  expect([app.refusals, app.guesses]).toEqual([[], []]);
  expect(JSON.stringify(app.acts)).not.toContain(secretText);
});

test('each refusal of a role or a team is recorded, of a GET too', async () => {
  await using app = await appWith();
  for (const route of allRoutes) await app.ask(route.method, urlOf(route), 'vmt_viewer');
  const refused = allRoutes.filter(({ role }) => role !== 'viewer' && role !== 'anyone');
  const homeWide = allRoutes.filter((route) => route.homeWide === true);
  expect(app.refusals.map(({ act }) => act)).toEqual(refused.map(({ method, path }) => `${method} ${path}`));
  expect(app.acts).toEqual([]);
  app.refusals.length = 0;
  for (const route of homeWide) await app.ask(route.method, urlOf(route), 'vmt_red');
  expect(app.refusals).toHaveLength(homeWide.length);
  expect(app.refusals[0]).toMatchObject({ who: { name: 'red', team: 'red' }, outcome: 403 });
});

test('a wrong token is recorded without it, by whatever address; a request without one is not', async () => {
  await using app = await appWith();
  for (let n = 0; n < 11; n++) await app.ask('GET', '/v1/tasks', `vmt_${secretText}`);
  await app.ask('POST', `/nothing/${secretText}`, secretText);
  await app.ask('POST', '/v1/tasks', null);
  expect(app.guesses.map(({ act, outcome }) => `${act} ${outcome}`)).toEqual([
    ...Array(10).fill('GET /v1/tasks 401'),
    'GET /v1/tasks 429',
    'POST (no route) 429',
  ]);
  expect(app.guesses.every(({ who, about }) => who === null && about.length === 0)).toBe(true);
  expect(JSON.stringify(app.guesses)).not.toContain(secretText);
  expect(app.acts).toEqual([]);
});

test('a record is about what was named, by its whole id, and about what was made', async () => {
  const made = newTaskId(1);
  const answers: Readonly<Record<string, { location?: string; answer: object }>> = {
    '/v1/tasks': { location: `/v1/tasks/${made}`, answer: { id: made } },
    '/v1/tasks/:id': { answer: { id: task } },
    '/v1/tasks/:id/retry': { location: `/v1/tasks/${made}`, answer: { id: made } },
    '/v1/templates/:name/run': { location: `/v1/pipelines/${made}`, answer: { id: made, kind: 'pipeline' } },
    '/v1/tokens': { answer: { name: 'ci', token: `vmt_${secretText}` } },
    '/v1/deadletters/:seq': { answer: { seq: 7 } },
  };
  await using app = await appWith(({ path }) => answers[path] ?? { answer: {} });
  const about = async (method: string, url: string, payload?: object) => {
    app.acts.length = 0;
    await app.ask(method, url, 'vmt_admin', payload);
    return app.acts[0]?.about.map(({ kind, id }) => `${kind} ${id}`);
  };
  expect(await about('POST', '/v1/tasks', { run: secretText })).toEqual([`task ${made}`]);
  expect(await about('DELETE', `/v1/tasks/${task.slice(0, 13).toUpperCase()}`)).toEqual([`task ${task}`]);
  expect(await about('POST', `/v1/tasks/${task}/retry`)).toEqual([`task ${task}`, `task ${made}`]);
  expect(await about('POST', '/v1/templates/greet@2/run')).toEqual(['template greet@2', `pipeline ${made}`]);
  expect(await about('POST', '/v1/tokens', { name: 'ci' })).toEqual(['token ci']);
  expect(await about('DELETE', '/v1/deadletters/7')).toEqual(['deadletter 7']);
  expect(await about('DELETE', '/v1/secrets/api-key')).toEqual(['secret api-key']);
  expect(JSON.stringify(app.acts)).not.toContain(secretText);
});

test('what is refused is about no name that somebody typed, and of an id about what has its form', async () => {
  await using app = await appWith();
  for (const url of [
    '/v1/secrets/hunter2',
    `/v1/tokens/vmt_${secretText}`,
    '/v1/tasks/..%2f..%2fx',
    '/v1/tasks/a.b.%3e',
  ]) {
    await app.ask('DELETE', url, 'vmt_admin');
  }
  expect(app.acts.map(({ about }) => about)).toEqual([[], [], [], []]);
});

test('nobody is answered before the record is stored', async () => {
  const order: string[] = [];
  const storing = Promise.withResolvers<void>();
  await using app = await appWith(
    () => ({ answer: { id: task } }),
    async () => {
      order.push('storing');
      await storing.promise;
      order.push('stored');
    },
  );
  const asking = app.ask('DELETE', `/v1/tasks/${task}`, 'vmt_admin').then(() => order.push('answered'));
  setImmediate(storing.resolve);
  await asking;
  expect(order).toEqual(['storing', 'stored', 'answered']);
});
