import type { Handling } from '@vm-task/bus/bus';
import { silentLogger } from '@vm-task/service/log';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import { cancelling } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { completed, created } from '../test/task-events.ts';
import { onTaskCancelling } from './on-task-cancelling.ts';

const parent = newTaskId(1);
const run = 'true';

/** A parent that may have children, some of which are there; each was asked for in its name. */
function setUp(children: readonly TaskId[], file: object = { run, children: 100 }) {
  const events = memoryEvents();
  events.put(created(parent, file));
  for (const task of children) events.put(created(task, { run }, { cause: { kind: 'task', id: parent } }));
  const event = events.put(cancelling(parent)) as Stored;
  const asked: TaskId[] = [];
  const deps = {
    bus: events,
    findCreated: events.findCreated,
    childrenOf: async (task: TaskId) => {
      asked.push(task);
      return children;
    },
  };
  const handling: Handling<Stored> = {
    event,
    head: null,
    deliveries: 1,
    signal: new AbortController().signal,
    log: silentLogger,
  };
  const cancelled = () =>
    events.stored.flatMap(({ type, data }) => (type === 'task.cancelling' ? [(data as { task: TaskId }).task] : []));
  return { events, deps, handling, asked, cancelled };
}

const some = (count: number) => Array.from({ length: count }, (_, index) => newTaskId(index + 2));

test('every child of a task that is being cancelled is asked to end, once, however often it is handled', async () => {
  const children = some(100);
  const { events, deps, handling, cancelled } = setUp(children);
  for (const _delivery of [1, 2]) await onTaskCancelling(deps, handling);
  expect(cancelled()).toEqual([parent, ...children]);
  expect(events.stored.at(-1)).toMatchObject({ data: { by: `task ${parent}`, reason: 'no longer needed' } });
});

test('those that it did not reach before it was killed are reached by the next delivery', async () => {
  const children = some(5);
  const { events, deps, handling, cancelled } = setUp(children);
  let left = 2;
  const append: typeof events.append = async (...of) => {
    if (left-- <= 0) throw new Error('killed');
    return events.append(...of);
  };
  await expect(onTaskCancelling({ ...deps, bus: { ...events, append } }, handling)).rejects.toThrow('killed');
  await onTaskCancelling(deps, handling);
  expect(cancelled().toSorted()).toEqual([parent, ...children].toSorted());
});

test('one that has ended stays as it is, and one that is not made yet is for whoever makes it', async () => {
  const [ended, unmade] = [newTaskId(2), newTaskId(3)];
  const { events, deps, handling, cancelled } = setUp([ended]);
  events.put(completed(ended, null));
  await onTaskCancelling({ ...deps, childrenOf: async () => [ended, unmade] }, handling);
  expect(cancelled()).toEqual([parent]);
});

test("another's task is no child, whatever a host has asked for in the parent's name", async () => {
  const foreign = newTaskId(9);
  const { events, deps, handling, cancelled } = setUp([]);
  events.put(created(foreign));
  await onTaskCancelling({ ...deps, childrenOf: async () => [foreign] }, handling);
  expect(cancelled()).toEqual([parent]);
});

test('of a task that may have none nobody asks for children', async () => {
  const { deps, handling, asked } = setUp([], { run });
  await onTaskCancelling(deps, handling);
  expect(asked).toEqual([]);
});

test('a child of a child is reached as its parent is', async () => {
  const [child, grandchild] = [newTaskId(2), newTaskId(3)];
  const { events, deps, handling, cancelled } = setUp([]);
  events.put(created(child, { run, children: 1 }, { cause: { kind: 'task', id: parent } }));
  events.put(created(grandchild, { run }, { cause: { kind: 'task', id: child } }));
  const all = { ...deps, childrenOf: async (task: TaskId) => (task === parent ? [child] : [grandchild]) };
  await onTaskCancelling(all, handling);
  const event = events.stored.findLast(({ type }) => type === 'task.cancelling') as Stored;
  await onTaskCancelling(all, { ...handling, event });
  expect(cancelled()).toEqual([parent, child, grandchild]);
});
