import { startBroker } from '@vm-task/testing/broker';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { findCreated, readCreated } from './find-task.ts';

const signal = AbortSignal.timeout(60_000);

test('how a task began is found with its pool and without it, and nowhere else', async () => {
  await using broker = await startBroker();
  const task = sample.sampleTask();
  await broker.bus.append(sample.created(task), 0, signal);
  const created = await readCreated(broker.connection, { pool: 'default', task });
  expect(created).toMatchObject({ type: 'task.created', seq: 1, host: 'any', data: { task } });
  expect(created).toEqual(await findCreated(broker.connection, task));
  expect(await readCreated(broker.connection, { pool: 'other', task })).toBeNull();
});
