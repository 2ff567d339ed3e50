import type { Head } from '@vm-task/shared/events';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { asNewer } from '@vm-task/testing/newer-events';
import { retrying, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { completed, created } from '../test/task-events.ts';
import { cancelTask } from './cancel-task.ts';

const { signal } = new AbortController();
const request = { by: 'test', reason: 'enough' };

function setUp() {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  return { events, task, vm: newVmId(Date.now()), key: { pool: 'default', task } };
}

test('a cancel is appended behind the head, for the attempt that is running and the host that has it', async () => {
  const { events, task, vm, key } = setUp();
  events.put(created(task));
  events.put(vmReady(task, { vm }));
  expect(await cancelTask(events, key, request, signal)).toEqual({ kind: 'cancelling', seq: 3 });
  expect(events.stored.at(-1)).toMatchObject({
    type: 'task.cancelling',
    host: 'host-1',
    data: { attempt: 1, reason: 'enough' },
  });
});

test('between two attempts, a cancel is for the one that is to come, and names no host', async () => {
  const { events, task, vm, key } = setUp();
  events.put(created(task));
  events.put(vmReady(task, { vm }));
  events.put(retrying(task, { vm }));
  expect(await cancelTask(events, key, request, signal)).toEqual({ kind: 'cancelling', seq: 4 });
  expect(events.stored.at(-1)).toMatchObject({ type: 'task.cancelling', host: 'any', data: { attempt: 2 } });
});

test('a cancel that meets a conflict is decided again from the new head', async () => {
  const { events, task, vm, key } = setUp();
  events.put(created(task));
  let conflict = false;
  const racing: Parameters<typeof cancelTask>[0] = {
    head: events.head,
    append: async (...args) => {
      if (!conflict) events.put(vmReady(task, { vm }));
      conflict = true;
      return events.append(...args);
    },
  };
  expect(await cancelTask(racing, key, request, signal)).toEqual({ kind: 'cancelling', seq: 3 });
});

test('a task that has ended keeps its outcome, and one that is being cancelled is left at that', async () => {
  const { events, task, key } = setUp();
  expect(await cancelTask(events, key, request, signal)).toEqual({ kind: 'unknown' });
  events.put(created(task));
  await cancelTask(events, key, request, signal);
  expect(await cancelTask(events, key, request, signal)).toEqual({ kind: 'cancelling', seq: 2 });
  events.put(completed(task, null, { outcome: 'cancelled' }));
  expect(await cancelTask(events, key, request, signal)).toEqual({ kind: 'over', outcome: 'cancelled' });
  expect(events.stored).toHaveLength(3);
});

test('an end that cannot be read here is an end; behind any other event of a newer version a cancel goes on', async () => {
  const { events, task, key } = setUp();
  events.put(created(task));
  const newer = { ...asNewer(events.put(vmReady(task))), before: events.stored[0] ?? null };
  const from = (head: Head) => cancelTask({ ...events, head: async () => head }, key, request, signal);
  expect(await from({ ...newer, said: 'task.completed' })).toEqual({ kind: 'over', outcome: 'unknown' });
  expect(events.stored).toHaveLength(2);
  expect(await from(newer)).toEqual({ kind: 'cancelling', seq: 3 });
});
