import { once } from 'node:events';
import { createReadStream, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import { openLogWriter } from '@vm-task/bus/output-log';
import type { Draft } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { storeNewer } from '@vm-task/testing/newer-events';
import { setupDone, vmGone, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type IntakeProcess, makeHome, startIntake, startIntakeBroker } from './intake-process.ts';
import { type ReadMessage, readMessages } from './read-messages.ts';
import { completed, created } from './task-events.ts';

const { signal } = new AbortController();

/** Appends behind the task's last event. */
async function append(broker: Broker, draft: Draft & { data: { task: TaskId; pool: string } }): Promise<void> {
  const head = await broker.bus.head(draft.data);
  await broker.bus.append(draft, head?.seq ?? 0, signal);
}

async function runToEnd(broker: Broker, task: TaskId): Promise<void> {
  const vm = newVmId(Date.now());
  await append(broker, created(task));
  await append(broker, vmReady(task, { vm }));
  await append(broker, setupDone(task));
  await append(broker, completed(task, vm));
  await broker.bus.announce(vmGone(vm, { task }), signal);
}

async function json(intake: IntakeProcess, path: string): Promise<Record<string, unknown>> {
  return (await (await intake.ask('GET', path)).json()) as Record<string, unknown>;
}

async function take(source: AsyncGenerator<ReadMessage>, count: number): Promise<ReadMessage[]> {
  const taken: ReadMessage[] = [];
  for await (const message of source) {
    taken.push(message);
    if (taken.length === count) break;
  }
  return taken;
}

test('the projection that is rebuilt after its file was deleted equals the old one, unreadable events or not', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const tasks = Array.from({ length: 30 }, () => newTaskId(Date.now()));
  const seen = async () => {
    await using intake = await startIntake(folder.home);
    const list = await json(intake, '/v1/tasks?limit=1000');
    return { list, shown: await Promise.all(tasks.map((task) => json(intake, `/v1/tasks/${task}`))) };
  };
  for (const task of tasks.slice(0, 10)) await runToEnd(broker, task);
  await broker.connection.js.publish('task.created.default.nonsense.any', 'no JSON at all');
  await broker.connection.js.publish(`vm.ready.default.${tasks[0]}.host-1`, '{"v":99}');
  const waiting = newTaskId(Date.now());
  await append(broker, created(waiting));
  const head = await broker.bus.head({ pool: 'default', task: waiting });
  await storeNewer(broker.connection, vmReady(waiting), head?.seq ?? 0);
  await seen();
  for (const task of tasks.slice(10)) await runToEnd(broker, task);
  const continued = await seen();
  rmSync(folder.home.projection);
  expect(await seen()).toEqual(continued);
  expect(continued.shown.map(({ status }) => status)).toEqual(tasks.map(() => 'completed'));
  expect(continued.shown[0]).toMatchObject({ outcome: 'succeeded', result: { found: 3 }, attempts: [{ number: 1 }] });
});

test('events are read as JSON, and live without gap or repeat also when the reader comes back', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const task = newTaskId(Date.now());
  const vm = newVmId(Date.now());
  const headers = { accept: 'text/event-stream' };
  const open = async (after = 0) =>
    readMessages(
      await intake.ask('GET', `/v1/tasks/${task}/events`, { headers: { ...headers, 'last-event-id': `${after}` } }),
    );
  await append(broker, created(task));
  await eventually(async () => (await json(intake, `/v1/tasks/${task}`))['id'], { what: 'the task is shown' });
  const live = await open();
  const first = await take(live, 1);
  await append(broker, vmReady(task, { vm }));
  const second = await take(await open(first.at(-1)?.id ?? 0), 1);
  const rest = take(await open(second.at(-1)?.id ?? 0), 10);
  await append(broker, setupDone(task));
  await append(broker, completed(task, vm));
  const messages = [...first, ...second, ...(await rest)];
  const types = ['task.created', 'vm.ready', 'task.setup.done', 'task.completed'];
  expect(messages.map(({ event }) => event)).toEqual([...types, 'end']);
  await broker.bus.announce(vmGone(vm, { task }), signal);
  const events = await eventually(
    async () => {
      const all = (await json(intake, `/v1/tasks/${task}/events`))['events'] as { type: string; seq: number }[];
      return all.length === 5 && all;
    },
    { what: 'vm.gone is listed' },
  );
  expect(events.map(({ type }) => type)).toEqual([...types, 'vm.gone']);
  expect(messages.slice(0, -1).map(({ data }) => data)).toEqual(events.slice(0, -1));
  expect((await take(await open(events[3]?.seq), 5)).map(({ event }) => event)).toEqual(['vm.gone', 'end']);
});

test('output is followed byte for byte to its end, and taken up again behind the last chunk', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const task = newTaskId(Date.now());
  const vm = newVmId(Date.now());
  const path = `/v1/tasks/${task}/logs`;
  const bytes = Buffer.from([0, 255, 10, 13, 195]);
  await append(broker, created(task));
  await eventually(async () => (await json(intake, `/v1/tasks/${task}`))['id'], { what: 'the task is shown' });
  const open = async (query: string, after = 0) =>
    readMessages(await intake.ask('GET', `${path}${query}`, { headers: { 'last-event-id': `${after}` } }));
  expect((await take(await open('?follow=false'), 9)).map(({ event }) => event)).toEqual(['end']);
  await append(broker, vmReady(task, { vm }));
  const early = take(await open(''), 1);
  const stdout = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  await stdout.write(bytes, signal);
  const [chunk] = await early;
  expect(chunk).toMatchObject({
    event: 'output',
    data: { attempt: 1, stream: 'stdout', offset: 0, data: bytes.toString('base64') },
  });
  const late = take(await open('', chunk?.id ?? 0), 9);
  const stderr = await openLogWriter(broker.connection, task, 1, 'stderr', 'host-1');
  await stderr.write(bytes, signal);
  await stdout.write(bytes, signal);
  await append(broker, completed(task, vm));
  expect(await late).toMatchObject([
    { data: { stream: 'stderr', offset: 0 } },
    { data: { stream: 'stdout', offset: 5 } },
    { event: 'end' },
  ]);
  expect(await take(await open(''), 9)).toHaveLength(4);
  expect(await take(await open('?follow=false', chunk?.id ?? 0), 9)).toHaveLength(3);
});

test('what a host without the VM writes is no output of the task, and holds up no reader', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const task = newTaskId(Date.now());
  await append(broker, created(task));
  await append(broker, vmReady(task));
  for (const [host, text] of [
    ['host-2', 'forged'],
    ['host-1', 'hi'],
    ['host-2', 'forged, too'],
  ] as const) {
    const writer = await openLogWriter(broker.connection, task, 1, 'stdout', host);
    await writer.write(Buffer.from(text), signal);
  }
  const path = `/v1/tasks/${task}/logs`;
  await eventually(async () => (await json(intake, `/v1/tasks/${task}`))['vm'], { what: 'the VM is shown' });
  const shown = await take(readMessages(await intake.ask('GET', `${path}?follow=false`)), 9);
  const output = { attempt: 1, stream: 'stdout', offset: 0, data: Buffer.from('hi').toString('base64') };
  expect(shown).toMatchObject([{ event: 'output', data: output }, { event: 'end' }]);
  const live = take(readMessages(await intake.ask('GET', path)), 9);
  await append(broker, completed(task, null));
  expect(await live).toMatchObject([{ event: 'output', data: output }, { event: 'end' }]);
});

test('a file that a task left behind comes as its bytes, and only under the name that the task gave it', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const task = newTaskId(Date.now());
  const path = 'out/a #1.json';
  const stored = await storeArtifact(
    broker.connection,
    'host-1',
    artifactName(task, 1),
    createReadStream(import.meta.filename),
  );
  const artifacts = [
    { path, ...stored },
    { path: 'gone', bytes: 1, sha256: 'x', object: 'never' },
  ];
  const vm = newVmId(Date.now());
  await append(broker, created(task));
  await append(broker, vmReady(task, { vm }));
  await append(broker, completed(task, vm, { artifacts }));
  const get = (name: string) => intake.ask('GET', `/v1/tasks/${task}/artifacts/${name}`);
  const found = await eventually(
    async () => {
      const answer = await get('out/a%20%231.json');
      return answer.status === 200 && answer;
    },
    { what: 'the artifact is there' },
  );
  expect(Buffer.from(await found.arrayBuffer())).toEqual(readFileSync(import.meta.filename));
  for (const name of ['gone', 'out/b', '..%2F..%2Fetc%2Fpasswd', '']) {
    expect([name, (await get(name)).status]).toEqual([name, 404]);
  }
});

test('where the port is taken another one is used, and the address is told while it holds', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  writeFileSync(folder.home.config, `http: { port: ${port} }\n`);
  const file = join(folder.home.run, 'http.json');
  await using intake = await startIntake(folder.home);
  expect(new URL(intake.url).port).not.toBe(String(port));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await fetch(`${intake.url}/readyz`, { headers: { connection: 'close' } })).status).toBe(200);
  expect((await intake.ask('GET', '/v1/pools', { headers: { authorization: '' } })).status).toBe(401);
  const task = newTaskId(Date.now());
  await append(broker, created(task));
  await eventually(async () => (await json(intake, `/v1/tasks/${task}`))['id'], { what: 'the task is shown' });
  const live = take(readMessages(await intake.ask('GET', `/v1/tasks/${task}/logs`)), 1);
  // Live readers do not hold up the end; they get no `end`, so they will ask again.
  expect(await intake.stop()).toBe(0);
  expect(await live).toEqual([]);
  expect(existsSync(file)).toBe(false);
  taken.close();
  await once(taken, 'close');
});

test('intake goes on by itself when the broker was killed and is back', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const { js, jsm } = broker.connection;
  // What both workers refuse shows that they are at work.
  for (const [command, consumer] of [
    ['task.submit', 'intake-task-submit'],
    ['task.cancel', 'intake-task-cancel'],
  ]) {
    const { seq } = await js.publish(command ?? '', '{}');
    const letter = `dead.${consumer}.COMMANDS.${seq}.any`;
    await eventually(() => jsm.streams.getMessage('DEAD', { last_by_subj: letter }), { what: `${consumer} works` });
  }
  await broker.server.kill();
  const headers = { 'idempotency-key': 'while-away' };
  const waiting = intake.ask('POST', '/v1/tasks', { body: { run: 'echo hi' }, headers });
  await broker.server.restart();
  await waiting;
  const { id } = await eventually(
    async () => {
      const answer = await intake.ask('POST', '/v1/tasks', { body: { run: 'echo hi' }, headers });
      return answer.status === 202 && ((await answer.json()) as { id: string });
    },
    { what: 'the task is accepted', limitMs: 60_000 },
  );
  const isShown = async () => (await json(intake, `/v1/tasks/${id}`))['status'] === 'queued';
  await eventually(isShown, { what: 'the task is shown', limitMs: 60_000 });
});
