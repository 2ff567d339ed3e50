/** Quotas of teams on a real broker: what is refused stores nothing, and however many ask at once, little is beyond. */
import { appendFileSync } from 'node:fs';
import { readQuotaRefusals } from '@vm-task/bus/quota-refusals';
import { spawnTask } from '@vm-task/bus/spawn-task';
import { type Client, createClient } from '@vm-task/client/client';
import { parseTaskId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { sampleHost, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';
import { completed } from './task-events.ts';

const { signal } = new AbortController();

/** One broker, and intakes with the same quotas of the team red, each on a home of its own. */
async function startSystem(quotas: string, intakes = 1) {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startIntakeBroker());
  const homes = await Promise.all(Array.from({ length: intakes }, () => makeHome(broker)));
  for (const { home } of homes.map((one) => started.use(one)))
    appendFileSync(home.config, `teams: { red: { quotas: ${quotas} } }\n`);
  const running = await Promise.all(homes.map(async ({ home }) => started.use(await startIntake(home))));
  const as = (text: string, at = 0) => createClient({ url: running[at]?.url ?? '', token: text });
  const admin = as(token);
  const make = async (team: string) => (await admin.tokens.create({ name: team, role: 'operator', team })).token;
  const all = started.move();
  return { broker, homes, running, as, admin, make, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const refused = (text: string) =>
  expect.objectContaining({ code: 'quota-exceeded', message: expect.stringContaining(text) });

/** Everything that is stored, by the streams' last sequences. */
async function positions({ connection }: Broker): Promise<number[]> {
  const streams = ['EVENTS', 'INBOX', 'COMMANDS', 'KV_idempotency', 'KV_templates', 'KV_teamtemplates'];
  return Promise.all(streams.map(async (name) => (await connection.jsm.streams.info(name)).state.last_seq));
}

async function useOf(client: Client, quota: string) {
  return (await client.teams.show('red')).quotas.find((one) => one.quota === quota);
}

test('what a quota refuses stores nothing, whatever asks for it; others are let in; and so it is after a restart', async () => {
  await using system = await startSystem('{ waitingTasks: 2, messages: 1 }');
  const { admin, broker, as, make } = system;
  const red = as(await make('red'));
  const blue = as(await make('blue'));
  const template = await red.templates.install({ name: 'true', task: { run: 'true' } });
  const first = await red.tasks.submit({ run: 'true' }, 'nightly');
  const second = await red.tasks.submit({ run: 'true' });
  const message = { to: 'anna', priority: 'normal', from: 'red', text: 'hello' } as const;
  await red.inbox.send(message);
  const stages = { only: { run: 'true' } };
  const askAll = async (client: Client) => {
    const before = await positions(broker);
    const text = 'the team red has 2 of 2 tasks that wait for a VM (waitingTasks); new ones are taken again when';
    for (const asking of [
      () => client.tasks.submit({ run: 'true' }),
      () => client.tasks.submit({ run: 'true' }, 'other key'),
      () => client.tasks.retry(first),
      () => admin.tasks.retry(first),
      () => client.pipelines.submit({ pipeline: { name: 'p', stages } }),
      () => client.templates.run(template.name, {}),
    ]) {
      await expect(asking(), String(asking)).rejects.toEqual(refused(text));
    }
    const sending = client.inbox.send(message);
    await expect(sending).rejects.toEqual(
      refused('the team red has 1 of 1 messages that are kept (messages); more are'),
    );
    expect(await positions(broker)).toEqual(before);
    expect(await client.tasks.submit({ run: 'true' }, 'nightly')).toBe(first);
  };
  await askAll(red);
  await blue.tasks.submit({ run: 'true' });
  await blue.inbox.send({ ...message, from: 'blue' });
  await admin.tasks.submit({ run: 'true' });
  expect(await useOf(red, 'messages')).toMatchObject({ used: 1, limit: 1, freeAt: expect.any(String) });
  expect((await red.teams.list()).teams.map(({ name }) => name)).toEqual(['red']);
  expect((await admin.teams.list()).teams.map(({ name }) => name)).toEqual(['blue', 'red']);
  for (const name of ['blue', 'none']) {
    await expect(red.teams.show(name)).rejects.toMatchObject({ code: 'team-not-found' });
  }
  const [home] = system.homes;
  await system.running[0]?.stop();
  if (home === undefined) throw new Error('one home');
  await using again = await startIntake(home.home);
  const token2 = createClient({ url: again.url, token });
  const made = await token2.tokens.create({ name: 'red-2', role: 'operator', team: 'red' });
  const later = createClient({ url: again.url, token: made.token });
  await eventually(async () => (await useOf(later, 'messages'))?.used === 1, { what: 'the messages are counted' });
  await expect(later.tasks.submit({ run: 'true' })).rejects.toEqual(refused('2 of 2'));
  await expect(later.inbox.send(message)).rejects.toEqual(refused('1 of 1'));
  await later.tasks.cancel(second);
  await later.tasks.submit({ run: 'true' });
});

/** As many as there are, all at once; how many were taken. */
async function submitAtOnce(clients: readonly Client[], each: number): Promise<number> {
  const asking = clients.flatMap((client) => Array.from({ length: each }, () => client.tasks.submit({ run: 'true' })));
  const answers = await Promise.allSettled(asking);
  for (const answer of answers)
    if (answer.status === 'rejected') expect(answer.reason).toEqual(refused('(waitingTasks)'));
  return answers.filter(({ status }) => status === 'fulfilled').length;
}

test('however many ask at once, one intake takes what there is and no more', async () => {
  await using system = await startSystem('{ waitingTasks: 5 }');
  const red = system.as(await system.make('red'));
  expect(await submitAtOnce([red], 40)).toBe(5);
  expect((await red.tasks.list()).tasks).toHaveLength(5);
});

test('two intakes take at most twice what is free, and nothing once each has seen what the other took', async () => {
  await using system = await startSystem('{ waitingTasks: 5 }', 2);
  const text = await system.make('red');
  const clients = [system.as(text, 0), system.as(text, 1)];
  await eventually(
    () =>
      clients[1]?.tokens.self().then(
        () => true,
        () => false,
      ),
    { what: 'the other intake knows the token' },
  );
  const taken = await submitAtOnce(clients, 40);
  expect(taken).toBeGreaterThanOrEqual(5);
  expect(taken).toBeLessThanOrEqual(10);
  for (const client of clients) {
    await eventually(async () => (await useOf(client, 'waitingTasks'))?.used === taken, {
      what: 'it has seen them all',
    });
  }
  const before = await positions(system.broker);
  expect(await submitAtOnce(clients, 10)).toBe(0);
  expect(await positions(system.broker)).toEqual(before);
  expect((await system.admin.tasks.list()).tasks).toHaveLength(taken);
});

test('while a team keeps too many bytes nothing is taken that would add to them, and a task that runs goes on', async () => {
  await using system = await startSystem('{ artifactsMiB: 1, outputMiB: 2 }');
  const { broker } = system;
  const red = system.as(await system.make('red'));
  const [first, second] = [await red.tasks.submit({ run: 'true' }), await red.tasks.submit({ run: 'true' })];
  const end = async (id: string, megabytes: { artifacts: number; output: number }) => {
    const task = parseTaskId(id);
    const vm = newVmId(Date.now());
    const key = { pool: 'default', task };
    await broker.bus.append(vmReady(task, { vm }), (await broker.bus.head(key))?.seq ?? 0, signal);
    const bytes = megabytes.output * 1024 ** 2;
    const artifacts = [{ path: 'a', bytes: megabytes.artifacts * 1024 ** 2, sha256: 'ab', object: 'o' }];
    const stdout = { seenBytes: bytes, storedBytes: bytes };
    const output = { stdout, stderr: { seenBytes: 0, storedBytes: 0 } };
    await broker.bus.append(completed(task, vm, { output, artifacts }), (await broker.bus.head(key))?.seq ?? 0, signal);
    await eventually(async () => (await red.tasks.show(id)).status === 'completed', { what: 'its end is shown' });
  };
  await end(first, { artifacts: 3, output: 0 });
  await expect(red.tasks.submit({ run: 'true', artifacts: ['out/**'] })).rejects.toEqual(
    refused('the files that tasks of the team red have left have 3 of 1 MiB (artifactsMiB)'),
  );
  const stages = { only: { run: 'true', artifacts: ['out/**'] } };
  await expect(red.pipelines.submit({ pipeline: { name: 'p', stages } })).rejects.toEqual(refused('(artifactsMiB)'));
  await red.tasks.submit({ run: 'true' });
  await end(second, { artifacts: 0, output: 2 });
  await expect(red.tasks.submit({ run: 'true' })).rejects.toEqual(
    refused(
      'the output of tasks of the team red has 2 of 2 MiB (outputMiB); new tasks are taken again when old output',
    ),
  );
});

test('a task of a team at its quota is told so when it asks for another one, and nothing is stored', async () => {
  await using system = await startSystem('{ waitingTasks: 1 }');
  const { broker } = system;
  const red = system.as(await system.make('red'));
  const id = parseTaskId(await red.tasks.submit({ run: 'true', children: 2 }));
  const parent = await broker.bus.head({ pool: 'default', task: id });
  if (parent?.type !== 'task.created') throw new Error('it was created');
  const { connection } = broker;
  await eventually(async () => (await readQuotaRefusals(connection))['red']?.task, { what: 'hosts are told' });
  const before = await positions(broker);
  const ask = () => spawnTask(connection, { parent, key: 'k', file: { run: 'x' }, limit: 2, host: sampleHost });
  await expect(ask()).rejects.toEqual(refused('the team red has 1 of 1 tasks that wait for a VM'));
  expect(await positions(broker)).toEqual(before);
  await broker.bus.append(vmReady(id, { vm: newVmId(Date.now()) }), parent.seq, signal);
  await eventually(async () => Object.keys(await readQuotaRefusals(connection)).length === 0, {
    what: 'there is room',
  });
  const child = await ask();
  await eventually(async () => (await red.tasks.show(child)).status === 'queued', { what: 'it is a task of the team' });
  await eventually(async () => (await readQuotaRefusals(connection))['red']?.task, { what: 'hosts are told again' });
  // Asked for before, it is only told once more.
  expect(await ask()).toBe(child);
});
