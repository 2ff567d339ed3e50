import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCreated } from '@vm-task/bus/find-task';
import { keysOf } from '@vm-task/bus/idempotency';
import { parseTaskId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { type IntakeProcess, makeHome, startAndFail, startIntake, startIntakeBroker } from './intake-process.ts';
import { publishByHand, requestByHand } from './nats-by-hand.ts';
import { completed } from './task-events.ts';

const { signal } = new AbortController();

async function createdTasks(broker: Broker): Promise<number> {
  const { state } = await broker.connection.jsm.streams.info('EVENTS', { subjects_filter: 'task.created.>' });
  return Object.keys(state.subjects ?? {}).length;
}

async function idIn(response: Response): Promise<string> {
  expect([response.status, response.headers.get('content-type')]).toEqual([202, 'application/json; charset=utf-8']);
  return ((await response.json()) as { id: string }).id;
}

async function codeIn(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code;
}

test('the same submission three times with one key is one task, and another body with it is refused', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const headers = { 'idempotency-key': 'order-66' };
  const submit = (run: string) => intake.ask('POST', '/v1/tasks', { body: { run }, headers });
  const answers = await Promise.all([submit('echo hi'), submit('echo hi'), submit('echo hi')]);
  const ids = await Promise.all(answers.map(idIn));
  expect(new Set(ids).size).toBe(1);
  const conflict = await submit('echo ho');
  expect([conflict.status, await codeIn(conflict)]).toEqual([409, 'idempotency-conflict']);
  expect(await createdTasks(broker)).toBe(1);
});

test('a key that was claimed before a crash leads to the task that was meant', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const body = { run: 'echo hi' };
  const bodyHash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  const { id } = await keysOf(broker.connection).claim('crashed', { id: newTaskId(Date.now()), bodyHash });
  await using intake = await startIntake(folder.home);
  const submit = () => intake.ask('POST', '/v1/tasks', { body, headers: { 'idempotency-key': 'crashed' } });
  expect(await idIn(await submit())).toBe(id);
  expect(await idIn(await submit())).toBe(id);
  expect(await createdTasks(broker)).toBe(1);
});

test('whoever was told yes finds the task at once', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  for (const n of Array(20).keys()) {
    const id = await idIn(await intake.ask('POST', '/v1/tasks', { body: { run: `echo ${n}` } }));
    const shown = await intake.ask('GET', `/v1/tasks/${id}`);
    expect(await shown.json()).toMatchObject({ id, status: 'queued' });
  }
});

test('a message by a bare TCP client is a task, also when it came while intake was down', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await publishByHand(broker, 'task.submit', '{"run":"echo before"}');
  await using intake = await startIntake(folder.home);
  const list = async () => ((await (await intake.ask('GET', '/v1/tasks')).json()) as { tasks: unknown[] }).tasks;
  await eventually(async () => (await list()).length === 1, { what: 'the stored command became a task' });
  await publishByHand(broker, 'task.submit', '{"run":"echo 垃圾域名"}');
  await eventually(async () => (await list()).length === 2, { what: 'the second command became a task' });
  expect(await createdTasks(broker)).toBe(2);
});

test('a command that can be no task is a dead letter with its reason, and an alert; the next one is handled', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using _intake = await startIntake(folder.home);
  const { js, jsm } = broker.connection;
  await js.publish('task.submit', 'this is no JSON');
  await js.publish('task.submit', '{"runn":"echo hi"}');
  await js.publish('task.submit', '{"run":"echo hi"}');
  await eventually(async () => (await createdTasks(broker)) === 1, { what: 'the good command became a task' });
  const dead = (subject: string) =>
    eventually(async () => (await jsm.streams.getMessage('DEAD', { last_by_subj: subject }))?.string(), {
      what: `a dead letter on ${subject}`,
    });
  expect(await dead('dead.intake-task-submit.COMMANDS.1.any')).toMatch(/is not JSON/);
  expect(await dead('dead.intake-task-submit.COMMANDS.2.any')).toMatch(/did you mean \\"run\\"/);
  const alert = 'alert.raised.warning.dead-letter.intake-task-submit.any';
  await eventually(() => jsm.streams.getMessage('EVENTS', { last_by_subj: alert }), { what: 'an alert' });
});

test('any client that asks for it gets the acknowledgement that its command is stored', async () => {
  await using broker = await startIntakeBroker();
  expect(await requestByHand(broker, 'task.submit', '{"run":"echo hi"}')).toMatchObject({ stream: 'COMMANDS', seq: 1 });
  expect(await requestByHand(broker, 'task.cancel', '{}')).toMatchObject({ stream: 'COMMANDS', seq: 2 });
  await expect(requestByHand(broker, 'task.created.default.x.any', '{}')).rejects.toThrow(/Permissions Violation/);
});

test('a flood of bad commands is as many dead letters, and one alert', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using _intake = await startIntake(folder.home);
  const { js, jsm } = broker.connection;
  for (let n = 0; n < 30; n++) await js.publish('task.submit', `no JSON: ${n}`);
  const countOf = async (stream: string, subjects_filter: string) => {
    const { subjects = {} } = (await jsm.streams.info(stream, { subjects_filter })).state;
    return Object.values(subjects).reduce((sum, count) => sum + count, 0);
  };
  await eventually(async () => (await countOf('DEAD', 'dead.>')) === 30, { what: 'all are dead letters' });
  const settled = async () => (await jsm.consumers.info('COMMANDS', 'intake-task-submit')).num_ack_pending === 0;
  await eventually(settled, { what: 'all is told that is to be told' });
  expect(await countOf('EVENTS', 'alert.raised.>')).toBe(1);
});

test('cancelling works by HTTP and by command, and is refused with the outcome when it comes too late', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const ids = [0, 1].map(async () => idIn(await intake.ask('POST', '/v1/tasks', { body: { run: 'sleep 9' } })));
  const [byHttp = '', byCommand = ''] = await Promise.all(ids);
  expect((await intake.ask('DELETE', `/v1/tasks/${byHttp}`)).status).toBe(202);
  await broker.connection.js.publish('task.cancel', JSON.stringify({ task: byCommand }));
  const status = async (id: string) =>
    ((await (await intake.ask('GET', `/v1/tasks/${id}`)).json()) as { status: string }).status;
  expect(await status(byHttp)).toBe('cancelling');
  await eventually(async () => (await status(byCommand)) === 'cancelling', { what: 'the command was carried out' });
  const task = parseTaskId(byHttp);
  const head = await broker.bus.head({ pool: 'default', task });
  const ending = completed(task, null, { outcome: 'cancelled', exitCode: null });
  await broker.bus.append(ending, head?.seq ?? 0, signal);
  const late = await intake.ask('DELETE', `/v1/tasks/${byHttp}`);
  expect([late.status, await late.json()]).toEqual([
    409,
    expect.objectContaining({ code: 'task-already-over', outcome: 'cancelled' }),
  ]);
});

test('a stream that is nearly full takes no new tasks, says so, and leaves room for those that run (I13)', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const submit = () => intake.ask('POST', '/v1/tasks', { body: { run: 'x'.repeat(100_000) } });
  const id = await idIn(await submit());
  await broker.connection.jsm.streams.update('EVENTS', { max_bytes: 120_000 });
  const refused = await eventually(
    async () => {
      const answer = await submit();
      return answer.status === 503 && answer;
    },
    { what: 'the refusal' },
  );
  expect(await codeIn(refused)).toBe('stream-full');
  // The rest is for those that run: their events are still taken.
  expect((await intake.ask('DELETE', `/v1/tasks/${id}`)).status).toBe(202);
  await broker.connection.jsm.streams.update('EVENTS', { max_bytes: 1_000_000 });
  await eventually(async () => (await submit()).status === 202, { what: 'tasks are taken again' });
});

test('intake says what is missing when it cannot start', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  rmSync(join(folder.home.credentials, 'http-token'));
  expect(await startAndFail(folder.home)).toMatch(/the HTTP token .*http-token cannot be read .*vm-task up makes it/);
});

test('a task that is run once more is a new one, with the specification of the old one, which it names', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const file = { run: 'echo 垃圾域名', inputs: { limit: 15 }, retry: { on: ['run'] } };
  const old = await idIn(await intake.ask('POST', '/v1/tasks', { body: file }));
  const again = await idIn(await intake.ask('POST', `/v1/tasks/${old}/retry`));
  expect(again).not.toBe(old);
  const createdOf = (id: string) => findCreated(broker.connection, parseTaskId(id));
  const [first, second] = [await createdOf(old), await createdOf(again)];
  expect(second?.data).toEqual({ ...first?.data, task: again, cause: { kind: 'retry', id: old } });
  const headers = { 'idempotency-key': 'once' };
  const keyed = () => intake.ask('POST', `/v1/tasks/${old}/retry`, { headers });
  expect(await idIn(await keyed())).toBe(await idIn(await keyed()));
  const unknown = await intake.ask('POST', `/v1/tasks/${newTaskId(0)}/retry`);
  expect([unknown.status, await codeIn(unknown)]).toEqual([404, 'task-not-found']);
});

test('dead letters are listed, shown, replayed and dropped; what is replayed becomes the task that it was to be', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const { js } = broker.connection;
  await js.publish('task.submit', '{"run":"echo hi","pool":"later"}');
  const lettersOf = async (intake: IntakeProcess, query = '') =>
    (await (await intake.ask('GET', `/v1/deadletters${query}`)).json()) as {
      letters: { seq: number }[];
      next: unknown;
    };
  {
    await using intake = await startIntake(folder.home);
    const thereAre = (count: number) =>
      eventually(async () => (await lettersOf(intake)).letters.length === count, { what: `${count} dead letters` });
    await thereAre(1);
    await js.publish('task.submit', 'nonsense');
    await thereAre(2);
    const page = await lettersOf(intake, '?limit=1');
    expect(page).toMatchObject({ letters: [{ seq: 1, consumer: 'intake-task-submit', originalSeq: 1 }], next: 1 });
    expect((await lettersOf(intake, '?after=1')).next).toBeNull();
    const shown = await (await intake.ask('GET', '/v1/deadletters/1')).json();
    expect(shown).toMatchObject({ reason: expect.stringContaining('there is no pool "later"'), stream: 'COMMANDS' });
    expect((await intake.ask('DELETE', '/v1/deadletters/2')).status).toBe(200);
    for (const [method, path] of [
      ['GET', '/v1/deadletters/2'],
      ['DELETE', '/v1/deadletters/2'],
      ['POST', '/v1/deadletters/9/replay'],
    ] as const) {
      const answer = await intake.ask(method, path);
      expect([path, answer.status, await codeIn(answer)]).toEqual([path, 404, 'deadletter-not-found']);
    }
  }
  writeFileSync(folder.home.config, 'http: { port: 0 }\npools: { default: {}, later: {} }\n');
  await using intake = await startIntake(folder.home);
  expect((await intake.ask('POST', '/v1/deadletters/1/replay')).status).toBe(202);
  await eventually(async () => (await lettersOf(intake)).letters.length === 0, { what: 'the letter is gone' });
  const list = (await (await intake.ask('GET', '/v1/tasks')).json()) as { tasks: unknown[] };
  expect(list.tasks).toMatchObject([{ pool: 'later', status: 'queued' }]);
});
