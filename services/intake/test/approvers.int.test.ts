/** Stages that only some may answer, over HTTP and on a real broker. */
import { appendFileSync } from 'node:fs';
import { encode, eventId } from '@vm-task/bus/envelope';
import { writeFeatures } from '@vm-task/bus/features';
import { type Client, createClient } from '@vm-task/client/client';
import { version } from '@vm-task/service/version';
import { manualPool, type TaskId } from '@vm-task/shared/ids';
import { eventSubject, eventsOf } from '@vm-task/shared/subjects';
import type { TokenRole } from '@vm-task/shared/token-roles';
import { eventually } from '@vm-task/testing/conditions';
import { completed } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';

/** `reads`: the oldest version of all services that are there; null while nobody has looked. */
async function startSystem(reads: string | null = version) {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startIntakeBroker());
  if (reads !== null) await writeFeatures(broker.connection, { v: 1, version: reads });
  const { home } = started.use(await makeHome(broker));
  appendFileSync(home.config, 'teams: { red: { approvals: strict } }\n');
  const intake = started.use(await startIntake(home));
  const as = (text: string) => createClient({ url: intake.url, token: text });
  const make = async (name: string, role: TokenRole, team?: string) =>
    as((await as(token).tokens.create({ name, role, team })).token);
  const all = started.move();
  return { broker, intake, admin: as(token), make, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const asking = (more: object = {}) => ({ stages: { may: { kind: 'approval', description: 'may it?', ...more } } });

async function stageOf(client: Client, pipeline: string): Promise<string> {
  const task = async () => (await client.pipelines.show(pipeline)).stages[0]?.runs[0]?.task?.id;
  return eventually(task, { what: 'the stage waits' });
}

const forbidden = (message: string) => expect.objectContaining({ code: 'forbidden', message });
const by = { by: 'me' };

test('a stage with approvers is answered by them alone, whoever else may answer everything', async () => {
  await using system = await startSystem();
  const [ci, anna, ops] = await Promise.all(['ci', 'anna', 'ops'].map((name) => system.make(name, 'operator')));
  if (ci === undefined || anna === undefined || ops === undefined) throw new Error('three were made');
  const pipeline = await ci.pipelines.submit({ pipeline: asking({ approvers: ['anna', 'ci'] }) });
  const stage = await stageOf(ci, pipeline);
  expect((await ci.tasks.show(stage)).question).toMatchObject({ answerers: { only: ['anna'] } });
  const others: [Client, string][] = [
    [ci, 'ci'],
    [ops, 'ops'],
    [system.admin, 'home'],
  ];
  for (const [client, name] of others) {
    const message = `task ${stage} may be answered by "anna" only; this is the token "${name}"`;
    await expect(client.tasks.approve(stage, by), name).rejects.toEqual(forbidden(message));
    await expect(client.tasks.reject(stage, by), name).rejects.toEqual(forbidden(message));
  }
  await anna.tasks.approve(stage, by);
  const { events } = await ops.tasks.events(stage);
  expect(events.at(-1)).toMatchObject({ type: 'task.completed', data: { principal: { name: 'anna' } } });
  const shown = await eventually(
    async () => {
      const view = await ops.pipelines.show(pipeline);
      return view.status === 'completed' && view;
    },
    { what: 'the pipeline is over' },
  );
  expect(shown).toMatchObject({ outcome: 'succeeded' });
});

test('who resumes a pipeline does not become its submitter, nor does who submitted it cease to be that', async () => {
  await using system = await startSystem();
  const ci = await system.make('ci', 'operator');
  const ops = await system.make('ops', 'operator');
  const first = await ci.pipelines.submit({ pipeline: asking({ approvers: ['ci', 'ops'] }) });
  await ops.tasks.reject(await stageOf(ci, first), by);
  const isOver = async () => (await ci.pipelines.show(first)).status === 'completed';
  await eventually(isOver, { what: 'the first one is over' });
  const second = await ops.pipelines.resume(first);
  const stage = await stageOf(ci, second);
  await expect(ci.tasks.approve(stage, by)).rejects.toMatchObject({ code: 'forbidden' });
  await ops.tasks.approve(stage, by);
});

test('in a strict team nobody answers what they have submitted, with approvers or without; in another one they do', async () => {
  await using system = await startSystem();
  const red = await system.make('red-1', 'operator', 'red');
  const other = await system.make('red-2', 'operator', 'red');
  const blue = await system.make('blue-1', 'operator', 'blue');
  const stage = await stageOf(red, await red.pipelines.submit({ pipeline: asking() }));
  const message = `task ${stage} may be answered by any operator but "red-1", which submitted the pipeline; this is the token "red-1"`;
  await expect(red.tasks.approve(stage, by)).rejects.toEqual(forbidden(message));
  await other.tasks.approve(stage, by);
  const allowing = asking({ approvers: ['red-1'], allowSubmitter: true });
  await expect(red.pipelines.submit({ pipeline: allowing })).rejects.toMatchObject({ code: 'invalid-pipeline' });
  // As a template, too, whose file is somebody else's.
  await system.admin.templates.install({ name: 'ask', ...asking() });
  const id = await red.templates.run('ask', {});
  await expect(red.tasks.approve(await stageOf(red, id), by)).rejects.toMatchObject({ code: 'forbidden' });
  const blues = await stageOf(blue, await blue.pipelines.submit({ pipeline: asking() }));
  await blue.tasks.approve(blues, by);
});

test('while a service is there that would let everybody answer, such a pipeline is not accepted, and others are', async () => {
  await using system = await startSystem('0.2.0-rc.1');
  const restricted = system.admin.pipelines.submit({ pipeline: asking({ approvers: ['anna'] }) });
  const message = expect.stringContaining('a service of 0.2.0-rc.1 is there');
  await expect(restricted).rejects.toEqual(expect.objectContaining({ code: 'not-switched-on', message }));
  expect(await system.admin.pipelines.submit({ pipeline: asking() })).toMatch(/^[0-9a-f-]{36}$/);
});

test('a host that says that it was approved is not believed, and whoever may approve still can', async () => {
  await using system = await startSystem();
  const anna = await system.make('anna', 'operator');
  const pipeline = await system.admin.pipelines.submit({ pipeline: asking({ approvers: ['anna'] }) });
  const task = (await stageOf(anna, pipeline)) as TaskId;
  const { js, jsm } = system.broker.connection;
  const key = { task, pool: manualPool };
  const asked = await jsm.streams.getMessage('EVENTS', { last_by_subj: eventsOf(key) });
  const seq = asked?.seq ?? 0;
  const value = { approved: true, by: 'anna', comment: '' };
  const forged = completed(task, { pool: manualPool, vm: null, result: { kind: 'json', source: 'answer', value } });
  const { payload, headers } = encode(forged, eventId(forged, seq), 'host', new Date());
  const expectation = { lastSubjectSequence: seq, lastSubjectSequenceSubject: eventsOf(key) };
  await js.publish(eventSubject(forged), payload, { headers, expect: expectation });
  // What is shown from now on knows of what is stored behind it.
  await system.admin.tasks.submit({ run: 'true' });
  expect(await anna.tasks.show(task)).toMatchObject({ status: 'queued', outcome: null });
  expect(await anna.pipelines.show(pipeline)).toMatchObject({ status: 'running' });
  await anna.tasks.approve(task, by);
  expect((await anna.tasks.events(task)).events.at(-1)).toMatchObject({ data: { principal: { name: 'anna' } } });
});
