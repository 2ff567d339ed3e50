import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { startBroker } from '@vm-task/testing/broker';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { eventAt } from '@vm-task/testing/stored';
import { never, storeEvent } from '@vm-task/testing/tasks-by-hand';
import { expect, test } from 'vitest';
import { storeReady } from '../test/reaper.ts';
import { endOverdue, type Reaping } from './reaping.ts';
import { foldTask, type LiveTask } from './task-view.ts';

test('a cancelling that no runner answers is enforced: the VM goes first, then the task is cancelled', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const order: string[] = [];
  const fake = createFakeHypervisor();
  const hypervisor: FakeHypervisor = {
    ...fake,
    async destroy(vm, reason) {
      order.push((await bus.head(taskKey))?.type ?? '');
      await fake.destroy(vm, reason);
    },
  };
  const task = sample.sampleTask();
  const taskKey = { pool: 'default', task };
  const { vm, seq } = await storeReady(bus, hypervisor, task);
  const head = await storeEvent(bus, sample.cancelling(task), seq);
  const events = [await eventAt(bus, 1), await eventAt(bus, 2), head];
  const view = events.reduce<LiveTask | null>((known, event) => event && foldTask(known, event), null);
  if (view === null) throw new Error('not live');
  const reaping: Reaping = {
    bus,
    hypervisor,
    config: parseConfig('', 'test'),
    host: 'host-1',
    log: silentLogger,
    clock: { nowMs: () => Date.now() },
    hasVms: true,
    forget: () => undefined,
    isSetUp: async () => false,
    findCreated: async () => null,
    wakeRetry: async () => false,
    abort: never,
  };
  await endOverdue(reaping, { task: view, due: { kind: 'cancel', atMs: 0 } });
  expect(order).toEqual(['task.cancelling']);
  expect(await hypervisor.list()).toEqual([]);
  const ended = await bus.head(taskKey);
  const data = { outcome: 'cancelled', vm, error: { code: 'cancel-forced' } };
  expect(ended).toMatchObject({ type: 'task.completed', host: 'host-1', data });
  // Once more, as after a crash before it was noted: nothing changes.
  await endOverdue(reaping, { task: view, due: { kind: 'cancel', atMs: 0 } });
  expect((await bus.head(taskKey))?.seq).toBe(ended?.seq);
});
