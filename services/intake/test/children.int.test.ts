/** Tasks that tasks ask for: made once, and cancelled with the task that asked. */

import { listLetters } from '@vm-task/bus/dead-letters';
import { findCreated, findLast } from '@vm-task/bus/find-task';
import { spawnTask } from '@vm-task/bus/spawn-task';
import type { Draft, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { retrying, setupDone, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker } from './intake-process.ts';
import { completed, created } from './task-events.ts';

const { signal } = new AbortController();

async function append(broker: Broker, draft: Draft & { data: { task: TaskId; pool: string } }): Promise<void> {
  const head = await broker.bus.head(draft.data);
  await broker.bus.append(draft, head?.seq ?? 0, signal);
}

async function begin(broker: Broker, task: TaskId): Promise<void> {
  await append(broker, vmReady(task));
  await append(broker, setupDone(task));
}

/** What a task may ask for: a number of tasks of its own, from the host that it is on. */
async function begunParent(broker: Broker, children = 1): Promise<Stored<'task.created'>> {
  const task = newTaskId(Date.now());
  await append(broker, created(task, { run: 'true', children }));
  await begin(broker, task);
  const parent = await findCreated(broker.connection, task);
  if (parent === null) throw new Error('it was not created');
  return parent;
}

const causeOf = ({ connection }: Broker, child: TaskId) =>
  eventually(async () => (await findCreated(connection, child))?.data.cause, { what: 'the child is there' });

test('what a task asked for is made once, and names it', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using _intake = await startIntake(folder.home);
  const parent = await begunParent(broker);
  const ask = (run: string, key: string) =>
    spawnTask(broker.connection, { parent, key, file: { run }, limit: 1, host: 'host-1' }).catch((error) => error.code);
  const ids = await Promise.all([ask('echo', 'k'), ask('echo', 'k')]);
  expect(ids[0]).toBe(ids[1]);
  expect([await ask('other', 'k'), await ask('echo', 'l')]).toEqual(['idempotency-conflict', 'limit-reached']);
  expect(await causeOf(broker, ids[0])).toEqual({ kind: 'task', id: parent.data.task });
});

test('what a task was promised is made after its end, too; what another host asks in its name is not', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const { connection } = broker;
  const [ended, retried, robbed] = [await begunParent(broker), await begunParent(broker), await begunParent(broker)];
  const ask = (parent: Stored<'task.created'>, host: string) =>
    spawnTask(connection, { parent, key: 'k', file: { run: 'echo' }, limit: 1, host });
  const forged = await ask(robbed, 'host-2');
  const promised = [await ask(ended, 'host-1'), await ask(retried, 'host-1')];
  await append(broker, completed(ended.data.task, null));
  await append(broker, retrying(retried.data.task));
  await append(broker, vmReady(retried.data.task, { attempt: 2 }, 'host-2'));
  await using _intake = await startIntake(folder.home);
  for (const child of promised) await causeOf(broker, child);
  const letter = await eventually(async () => (await listLetters(connection, 0, 1))[0]?.letter, { what: 'it is dead' });
  expect(letter).toMatchObject({
    consumer: 'intake-task-spawn',
    reason: `task ${robbed.data.task} was never at work on the host that asks for it`,
  });
  expect(await findCreated(connection, forged)).toBeNull();
});

test('whoever cancels a task cancels its children, also those that are made later, by an intake that was killed', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const { connection } = broker;
  const parent = await begunParent(broker, 3);
  const ask = (key: string) => spawnTask(connection, { parent, key, file: { run: key }, limit: 3, host: 'host-1' });
  const early = [await ask('a'), await ask('b')];
  {
    await using intake = await startIntake(folder.home);
    for (const child of early) await causeOf(broker, child);
    await intake.ask('DELETE', `/v1/tasks/${parent.data.task}`);
    await intake.kill();
  }
  const late = await ask('c');
  await using _intake = await startIntake(folder.home);
  for (const task of [...early, late]) {
    const cancelling = () => findLast(connection, 'task.cancelling', { pool: 'default', task });
    const found = await eventually(cancelling, { what: `${task} is cancelled` });
    expect(found.data.by).toBe(`task ${parent.data.task}`);
  }
});

test('a task that ends by itself leaves its children to go on', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const parent = await begunParent(broker);
  const asked = { parent, key: 'a', file: { run: 'a' }, limit: 1, host: 'host-1' as const };
  const child = await spawnTask(broker.connection, asked);
  await causeOf(broker, child);
  await append(broker, completed(parent.data.task, null));
  await intake.ask('DELETE', `/v1/tasks/${parent.data.task}`);
  const other = await begunParent(broker);
  await intake.ask('DELETE', `/v1/tasks/${other.data.task}`);
  const { consumers } = broker.connection.jsm;
  const isHandled = async () => (await consumers.info('EVENTS', 'intake-task-cancelling')).ack_floor.stream_seq > 0;
  await eventually(isHandled, { what: 'the other cancelling is handled' });
  expect((await broker.bus.head({ pool: 'default', task: child }))?.type).toBe('task.created');
});
