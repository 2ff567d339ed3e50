import type { Json } from '@vm-task/shared/json';
import { spawnSubject } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
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

/** Of the stream that has the questions. */
async function questions({ connection: { jsm } }: Broker, task: string) {
  const name = await jsm.streams.find('task.spawn.x.1.host');
  return jsm.streams.info(name, { subjects_filter: `task.spawn.${task}.*.*` });
}

test('however many ask at once, the limit is what they get together', async () => {
  await using broker = await startBroker();
  const { task, spawn } = await parentIn(broker);
  const asked = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => spawn(`child ${n}`, 3)));
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect(Object.keys((await questions(broker, task)).state.subjects ?? {})).toHaveLength(3);
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
  await spawn('one', 1);
  expect((await questions(broker, task)).config.max_age).toBe(0);
  await purgeTask(broker.connection, { pool: 'default', task }, []);
  expect((await questions(broker, task)).state.subjects ?? {}).toEqual({});
});
