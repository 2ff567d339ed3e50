/** The audit log of a real intake: what tokens did and were refused, listed and live. */
import { request } from 'node:http';
import { createClient } from '@vm-task/client/client';
import type { AuditEntryView } from '@vm-task/client/views';
import type { Home } from '@vm-task/shared/home';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';

async function startSystem() {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startIntakeBroker());
  const { home } = started.use(await makeHome(broker));
  const intake = started.use(await startIntake(home));
  const as = (text: string) => createClient({ url: intake.url, token: text });
  const all = started.move();
  return { broker, home, intake, admin: as(token), as, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const short = ({ who, act, outcome }: AuditEntryView) => `${who?.name ?? '?'}: ${act} ${outcome}`;

/** Asked at the home's own socket. */
function askSocket({ httpSocket }: Home, path: string, text: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${text}`, host: 'localhost', connection: 'close' };
    request({ socketPath: httpSocket, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
}

test('what a token does, and is refused, is in the log when it is answered, and nothing that is secret', async () => {
  await using system = await startSystem();
  const { admin } = system;
  const made = await admin.tokens.create({ name: 'ci', role: 'submitter', team: 'red' });
  const ci = system.as(made.token);
  const task = await ci.tasks.submit({ run: 'echo hunter2' });
  await ci.tasks.cancel(task);
  await ci.tasks.show(task);
  await expect(ci.tokens.list()).rejects.toMatchObject({ code: 'forbidden' });
  await expect(system.as('vmt_guess').tokens.self()).rejects.toMatchObject({ code: 'unauthorized' });
  await admin.secrets.set('api-key', 'hunter3');
  const { records, next } = await admin.audit.list();
  expect(records.map(short)).toEqual([
    'home: POST /v1/tokens 201',
    'ci: POST /v1/tasks 202',
    'ci: DELETE /v1/tasks/:id 202',
    'ci: GET /v1/tokens 403',
    '?: GET /v1/whoami 401',
    'home: POST /v1/secrets 200',
  ]);
  expect(next).toBeNull();
  expect(records[1]).toMatchObject({
    who: { kind: 'token', name: 'ci', team: 'red' },
    about: [{ kind: 'task', id: task }],
    from: expect.stringMatching(/127\.0\.0\.1$/),
  });
  const text = JSON.stringify(records);
  for (const secret of ['hunter', made.token, 'guess', token]) expect(text).not.toContain(secret);
  const about = async (query: object) => (await admin.audit.list(query)).records.map(short);
  expect(await about({ who: 'ci', about: task.slice(0, 13), limit: 1 })).toEqual(['ci: POST /v1/tasks 202']);
  expect(await about({ since: '1h', about: 'api-key' })).toEqual(['home: POST /v1/secrets 200']);
  expect(await about({ after: records[4]?.seq })).toEqual(['home: POST /v1/secrets 200']);
  for (const query of [{ since: '2' }, { who: '*' }, { about: '>' }, { limit: 5_000 }]) {
    await expect(admin.audit.list(query)).rejects.toMatchObject({ code: 'invalid-request' });
  }
  await expect(ci.audit.list()).rejects.toMatchObject({ code: 'forbidden' });
});

test('a wrong token at the socket of the home is refused, and recorded as from there', async () => {
  await using system = await startSystem();
  for (let n = 0; n < 12; n++) expect(await askSocket(system.home, '/v1/whoami', 'vmt_x')).toBe(n < 10 ? 401 : 429);
  expect(await askSocket(system.home, '/v1/whoami', token)).toBe(200);
  const { records } = await system.admin.audit.list();
  expect(records.map((one) => `${one.from} ${short(one)}`)).toEqual(['socket ?: GET /v1/whoami 401']);
});

test('whoever follows sees each act when it happens', async () => {
  await using system = await startSystem();
  const stop = new AbortController();
  const seen: string[] = [];
  await system.admin.tasks.submit({ run: 'true' });
  for await (const one of system.admin.audit.follow({ since: '1h', who: 'home' }, stop.signal)) {
    seen.push(short(one));
    if (seen.length === 1) await system.admin.tokens.create({ name: 'ci', role: 'viewer' });
    if (seen.length === 2) break;
  }
  stop.abort();
  expect(seen).toEqual(['home: POST /v1/tasks 202', 'home: POST /v1/tokens 201']);
});

test('an act that cannot be recorded is answered all the same, and people are told', async () => {
  await using system = await startSystem();
  await system.broker.connection.jsm.streams.delete('AUDIT');
  const task = await system.admin.tasks.submit({ run: 'true' });
  await system.admin.tasks.cancel(task);
  const { jsm } = system.broker.connection;
  const wanted = { last_by_subj: 'alert.raised.critical.audit-log-failing.audit-log.any' };
  const alert = await eventually(() => jsm.streams.getMessage('EVENTS', wanted), { what: 'people are told' });
  expect(alert.string()).toContain('acts are not recorded');
});
