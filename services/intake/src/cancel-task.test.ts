import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { retrying } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { completed, created, vmReady } from '../test/task-events.ts';
import { cancelTask } from './cancel-task.ts';

const { signal } = new AbortController();
const request = { by: 'test', reason: 'enough' };

function setUp() {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  return { events, task, vm: newVmId(Date.now()), spine: { pool: 'default', task } };
}

test('a cancel is appended behind the head, for the attempt that is running', async () => {
  const { events, task, vm, spine } = setUp();
  events.put('task.created', created(task));
  events.put('vm.ready', vmReady(task, vm));
  expect(await cancelTask(events, spine, request, signal)).toEqual({ kind: 'cancelling', seq: 3 });
  expect(events.stored.at(-1)).toMatchObject({ type: 'task.cancelling', data: { attempt: 1, reason: 'enough' } });
});

test('between two attempts, a cancel is for the one that is to come', async () => {
  const { events, task, vm, spine } = setUp();
  events.put('task.created', created(task));
  events.put('vm.ready', vmReady(task, vm));
  events.put('task.retrying', retrying(task, { vm }).data);
  expect(await cancelTask(events, spine, request, signal)).toEqual({ kind: 'cancelling', seq: 4 });
  expect(events.stored.at(-1)).toMatchObject({ type: 'task.cancelling', data: { attempt: 2 } });
});

test('a cancel that is overtaken is decided again from the new head', async () => {
  const { events, task, vm, spine } = setUp();
  events.put('task.created', created(task));
  let overtaken = false;
  const racing: Parameters<typeof cancelTask>[0] = {
    head: events.head,
    append: async (...args) => {
      if (!overtaken) events.put('vm.ready', vmReady(task, vm));
      overtaken = true;
      return events.append(...args);
    },
  };
  expect(await cancelTask(racing, spine, request, signal)).toEqual({ kind: 'cancelling', seq: 3 });
});

test('a task that has ended keeps its outcome, and one that is being cancelled is left at that', async () => {
  const { events, task, spine } = setUp();
  expect(await cancelTask(events, spine, request, signal)).toEqual({ kind: 'unknown' });
  events.put('task.created', created(task));
  await cancelTask(events, spine, request, signal);
  expect(await cancelTask(events, spine, request, signal)).toEqual({ kind: 'cancelling', seq: 2 });
  events.put('task.completed', completed(task, null, { outcome: 'cancelled' }));
  expect(await cancelTask(events, spine, request, signal)).toEqual({ kind: 'over', outcome: 'cancelled' });
  expect(events.stored).toHaveLength(3);
});
