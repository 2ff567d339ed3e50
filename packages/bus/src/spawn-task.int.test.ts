import type { Json } from '@vm-task/shared/json';
import { spawnSubject } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { created, sampleHost, sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { findCreated } from './find-task.ts';
import { purgeTask } from './purge.ts';
import { spawnTask } from './spawn-task.ts';

const never = new AbortController().signal;

async function parentIn({ bus, connection }: Broker) {
  const task = sampleTask();
  await bus.append(created(task), 0, never);
  const parent = await findCreated(connection, task);
  if (parent === null) throw new Error('it was stored');
  const spawn = (key: string, limit: number, file: Json = { run: 'true' }) =>
    spawnTask(connection, { parent, key, file, limit, host: sampleHost });
  return { task, spawn };
}

async function questions({ connection: { jsm } }: Broker, stream: string, task: string): Promise<string[]> {
  const { state } = await jsm.streams.info(stream, { subjects_filter: `task.spawn.${task}.*.*` });
  return Object.keys(state.subjects ?? {});
}

test('however many ask at once, the limit is what they get together', async () => {
  await using broker = await startBroker();
  const { task, spawn } = await parentIn(broker);
  const asked = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => spawn(`child ${n}`, 3)));
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect(await questions(broker, 'COMMANDS', task)).toHaveLength(3);
});

test('one child has one key: asked for again it is the same, with the keys of its file in any order', async () => {
  await using broker = await startBroker();
  const { spawn } = await parentIn(broker);
  const id = await spawn('one', 1, { run: 'true', labels: { a: '1', b: '2' } });
  expect(await spawn('one', 1, { labels: { b: '2', a: '1' }, run: 'true' })).toBe(id);
  await expect(spawn('one', 1, { run: 'false' })).rejects.toMatchObject({ code: 'idempotency-conflict' });
});

test('a number is taken by whatever has it, also by what cannot be read here', async () => {
  await using broker = await startBroker();
  const { task, spawn } = await parentIn(broker);
  await broker.connection.js.publish(spawnSubject(task, 1, 'host-2'), 'of a newer version');
  await spawn('first', 2);
  await expect(spawn('second', 2)).rejects.toMatchObject({ code: 'limit-reached' });
});

test('what was asked for is known for as long as the task is, and no longer', async () => {
  await using broker = await startBroker();
  const { task, spawn } = await parentIn(broker);
  const id = await spawn('one', 1);
  const isCopied = async () => (await questions(broker, 'CHILDREN', task)).length === 1;
  await eventually(isCopied, { what: 'the broker has copied it' });
  // As the age of commands does it, a week later.
  await broker.connection.jsm.streams.purge('COMMANDS');
  expect(await spawn('one', 1)).toBe(id);
  await expect(spawn('two', 1)).rejects.toMatchObject({ code: 'limit-reached' });
  await purgeTask(broker.connection, { pool: 'default', task }, { events: [], lastSeq: 0 });
  expect(await questions(broker, 'CHILDREN', task)).toEqual([]);
});
