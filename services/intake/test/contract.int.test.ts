/** The contract of `packages/api` between intake and its client: everything is asked once, and what is sent is what is declared. */
import { createReadStream } from 'node:fs';
import { allRoutes } from '@vm-task/api/api';
import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import { openLogWriter } from '@vm-task/bus/output-log';
import { storeProgress } from '@vm-task/bus/task-progress';
import { type Client, createClient } from '@vm-task/client/client';
import type { Draft } from '@vm-task/shared/events';
import { parseTaskId, type TaskId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { sampleHost, setupDone, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';
import { type Exchange, recordExchanges } from './recording-fetch.ts';
import { completed } from './task-events.ts';

const { signal } = new AbortController();

async function append(broker: Broker, draft: Draft & { data: { task: TaskId; pool: string } }): Promise<void> {
  const head = await broker.bus.head(draft.data);
  await broker.bus.append(draft, head?.seq ?? 0, signal);
}

async function askOfSystem({ system, pools, hosts }: Client): Promise<void> {
  expect([await system.health(), await system.ready()]).toEqual([
    { status: 'ok' },
    { status: 'ok', behind: expect.any(Number) },
  ]);
  expect(await system.metrics()).toContain('vm_task_tasks');
  expect(await system.description()).toMatchObject({ openapi: '3.1.0' });
  expect(await hosts.list()).toEqual({ hosts: [] });
  expect((await pools.list()).pools).toMatchObject([{ name: 'default', sizes: [{ cpus: 1 }] }]);
}

async function askOfTasks({ tasks }: Client, broker: Broker): Promise<void> {
  const task = parseTaskId(await tasks.submit({ run: 'echo hi', labels: { a: 'b' } }, 'once'));
  expect(await tasks.submit({ run: 'echo hi', labels: { a: 'b' } }, 'once')).toBe(task);
  const vm = newVmId(Date.now());
  await append(broker, vmReady(task, { vm }));
  await append(broker, setupDone(task));
  await storeProgress(broker.connection, task, 1, sampleHost, { percent: 40 });
  await eventually(async () => (await tasks.show(task)).progress !== null, { what: 'the progress is shown' });
  const stdout = await openLogWriter(broker.connection, task, 1, 'stdout', sampleHost);
  await stdout.write(Buffer.from('hi\n'), signal);
  const file = await storeArtifact(
    broker.connection,
    sampleHost,
    artifactName(task, 1),
    createReadStream(import.meta.filename),
  );
  const error = { code: 'process-failed' as const, message: 'it exited with 1' };
  const more = { outcome: 'failed' as const, exitCode: 1, error, artifacts: [{ path: 'a b', ...file }] };
  await append(broker, completed(task, vm, more));
  const said = await Array.fromAsync(tasks.output(task, { follow: true, signal }));
  expect(said.map(({ event }) => event)).toEqual(['progress', 'output']);
  const events = await Array.fromAsync(tasks.followEvents(task.slice(0, 20), signal));
  expect((await tasks.events(task)).events).toEqual(events);
  expect(Buffer.byteLength(await (await tasks.artifact(task, 'a b')).text())).toBe(file.bytes);
  const again = await tasks.retry(task);
  expect(await tasks.cancel(again)).toEqual({ id: again });
  const page = await tasks.list({ label: ['a=b'], status: 'completed', limit: 1 });
  expect(page).toMatchObject({ tasks: [{ id: task, outcome: 'failed', error }], next: null });
}

const questions = {
  a: { kind: 'external', description: 'do it' },
  b: { kind: 'approval', needs: ['a'], description: 'may it?' },
  c: { kind: 'approval', needs: ['b'], description: 'may it really?' },
};

async function askOfPipelines({ pipelines, tasks }: Client): Promise<void> {
  const id = await pipelines.submit({ pipeline: { name: 'ask', stages: questions } });
  const waiting = (stage: number) =>
    eventually(async () => (await pipelines.show(id)).stages[stage]?.runs[0]?.task?.id, {
      what: `stage ${stage} waits`,
    });
  await tasks.complete(await waiting(0), { done: true });
  await tasks.approve(await waiting(1), { by: 'me' });
  await tasks.reject(await waiting(2), { by: 'me', comment: 'no' });
  const views = await Array.fromAsync(pipelines.follow(id, signal));
  expect(views.at(-1)).toMatchObject({ status: 'completed', outcome: 'failed', error: { code: 'stage-failed' } });
  const resumed = await pipelines.resume(id);
  expect(await pipelines.cancel(resumed)).toEqual({ id: resumed });
  const { pipelines: found } = await pipelines.list({ limit: 2 });
  expect(found.map((one) => [one.id, one.resumedFrom])).toEqual([
    [resumed, id],
    [id, null],
  ]);
}

async function askOfTemplates({ templates }: Client): Promise<void> {
  const parameters = { who: { type: 'string', default: '大家', options: ['大家', 'all'] } };
  const file = { name: 'greet', parameters, task: { inputs: { who: '${{ params.who }}' }, run: 'true' } };
  expect(await templates.install(file)).toMatchObject({ name: 'greet', version: 1, kind: 'task', parameters });
  expect(await templates.list()).toMatchObject({ templates: [{ name: 'greet' }] });
  expect(await templates.show('greet@1')).toMatchObject({ file });
  expect(await templates.run('greet', { who: 'all' })).toMatch(/^[0-9a-f-]{36}$/);
}

async function askOfSecrets({ secrets }: Client): Promise<void> {
  expect(await secrets.set('api-key', 'hunter2')).toMatchObject({ name: 'api-key', team: null, version: 1 });
  const { secrets: found } = await secrets.list();
  expect(found).toMatchObject([{ name: 'api-key', version: 1 }]);
  expect(JSON.stringify(found)).not.toContain('hunter2');
  expect(await secrets.remove('api-key')).toEqual({ name: 'api-key', team: null });
}

async function askOfInbox({ inbox }: Client): Promise<void> {
  const links = [{ title: 'there', href: '/v1/tasks' }];
  const { id } = await inbox.send({ to: 'me', priority: 'urgent', from: 'test', text: 'look', links });
  expect(await inbox.list({ to: 'me' })).toMatchObject({ messages: [{ id, group: 'now' }], next: null });
  expect(await inbox.show(id)).toMatchObject({ text: 'look', readAt: null });
  expect(await inbox.read(id)).toMatchObject({ group: 'reference' });
  expect((await inbox.archive(id)).archivedAt).not.toBeNull();
  for await (const message of inbox.follow({ to: 'me' }, signal)) {
    expect(message).toMatchObject({ id, group: 'reference' });
    break;
  }
}

async function askOfDeadLetters({ deadLetters }: Client, broker: Broker): Promise<void> {
  await broker.connection.js.publish('task.submit', '{}');
  const newest = async () => (await deadLetters.list({ limit: 1 })).letters[0];
  const letter = await eventually(newest, { what: 'a letter' });
  expect(await deadLetters.show(letter.seq)).toMatchObject({ ...letter, data: btoa('{}') });
  expect(await deadLetters.replay(letter.seq)).toEqual({ seq: letter.seq });
  // Nobody can handle it now, either: another letter takes its place.
  const isAnother = async () => ((await newest())?.seq ?? letter.seq) !== letter.seq;
  await eventually(isAnother, { what: 'another letter' });
  const { seq } = (await newest()) ?? letter;
  expect(await deadLetters.drop(seq)).toEqual({ seq });
}

async function askOfTokens({ tokens }: Client): Promise<void> {
  const made = await tokens.create({ name: 'ci', role: 'submitter', team: 'red', expires: '90d' });
  expect(made).toMatchObject({ name: 'ci', status: 'valid', token: expect.stringMatching(/^vmt_/) });
  expect(await tokens.list()).toMatchObject({ tokens: [{ name: 'ci', team: 'red', createdBy: 'home' }] });
  expect(await tokens.revoke('ci')).toMatchObject({ status: 'revoked' });
  expect(await tokens.self()).toMatchObject({ name: 'home', role: 'admin', team: null });
}

async function askOfTeams({ teams }: Client): Promise<void> {
  const red = await teams.show('red');
  expect(red).toMatchObject({
    name: 'red',
    quotas: [{ quota: 'waitingTasks', used: 0, limit: null, freeAt: null }, {}, {}, {}, {}],
  });
  expect(await teams.list()).toEqual({ teams: [red] });
}

async function askOfAudit({ audit }: Client): Promise<void> {
  const { records } = await audit.list({ who: 'home', since: '1h', limit: 1 });
  expect(records).toMatchObject([{ act: 'POST /v1/tasks', who: { name: 'home', team: null }, outcome: 202 }]);
  for await (const record of audit.follow({ about: 'ci' }, signal)) {
    expect(record).toMatchObject({ act: 'POST /v1/tokens', about: [{ kind: 'token', id: 'ci' }] });
    break;
  }
}

/** Without what its route's schemas do not declare. @throws when something is not as they declare it */
function asDeclared({ route, json, messages }: Exchange): Omit<Exchange, 'route'> {
  return {
    json: json === undefined ? undefined : route.answer?.parse(json),
    messages: messages.map(({ event, data }) => ({
      event,
      data: (route.live?.[event] ?? route.live?.['*'])?.parse(data),
    })),
  };
}

test('the client asks every route of the contract, and intake sends what is declared, no more and no less', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const { fetch, exchanges } = recordExchanges();
  const client = createClient({ url: intake.url, token }, { fetch });
  await askOfSystem(client);
  await askOfTasks(client, broker);
  await askOfPipelines(client);
  await askOfTemplates(client);
  await askOfSecrets(client);
  await askOfInbox(client);
  await askOfDeadLetters(client, broker);
  await askOfTokens(client);
  await askOfTeams(client);
  await askOfAudit(client);
  for (const { route, ...sent } of exchanges) {
    expect(sent, `${route.method} ${route.path}`).toEqual(asDeclared({ route, ...sent }));
  }
  const asked = new Set(exchanges.map(({ route }) => route));
  expect(allRoutes.filter((route) => !asked.has(route)).map(({ path }) => path)).toEqual([]);
  const live = allRoutes.flatMap(({ path, live: events = {} }) => Object.keys(events).map((name) => [path, name]));
  const seen = (path: string | undefined, name: string | undefined) =>
    exchanges.some(
      ({ route, messages }) => route.path === path && messages.some(({ event }) => name === '*' || event === name),
    );
  expect(live.filter(([path, name]) => !seen(path, name))).toEqual([]);
});
