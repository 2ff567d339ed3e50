import type { Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import { silentLogger } from '@vm-task/service/log';
import type { Stored } from '@vm-task/shared/events';
import { newTaskId } from '@vm-task/shared/new-ids';
import { cancelling } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { config, created } from '../test/task-events.ts';
import { onTaskSpawn, type SpawnDeps } from './on-task-spawn.ts';

const [parent, id] = [newTaskId(1_000_000), newTaskId(1_000_001)];

function question(file: unknown, subject = `task.spawn.${parent}.1.host-1`): Handling<RawMessage> {
  const data = Buffer.from(JSON.stringify({ v: 1, id, parent, file }));
  const event = { seq: 7, subject, time: new Date(1_000_000), headers: undefined, data };
  return { event, head: null, deliveries: 1, signal: new AbortController().signal, log: silentLogger };
}

/** The parent is there, and its VM was on `host-1`. */
function setUp(full: string | null = null) {
  const events = memoryEvents();
  events.put(created(parent));
  let isCancelled = false;
  const deps: SpawnDeps = {
    config,
    bus: events,
    findCancelling: async () => (isCancelled ? (cancelling(parent) as Stored<'task.cancelling'>) : null),
    admission: { refusal: async () => full },
    findCreated: events.findCreated,
    hadVmOn: async ({ task }, host) => task === parent && host === 'host-1',
  };
  return { events, deps, cancelParent: () => (isCancelled = true) };
}

test('the task that a task asked for names its parent, may run anywhere, and is made once', async () => {
  const { events, deps } = setUp();
  const asked = question({ run: 'echo hi' });
  const data = { task: id, pool: 'default', cause: { kind: 'task', id: parent } };
  for (const _delivery of [1, 2]) {
    expect(await onTaskSpawn(deps, asked)).toMatchObject({ kind: 'done', event: null });
    expect(events.stored.slice(1)).toMatchObject([{ type: 'task.created', host: 'any', data }]);
  }
});

test('it is of the team of its parent, and was caused by that', async () => {
  const { events, deps } = setUp();
  events.stored.splice(0);
  events.put(created(parent, undefined, { team: 'red', principal: { kind: 'token', name: 'ci' } }));
  await onTaskSpawn(deps, question({ run: 'echo hi' }));
  expect(events.stored[1]?.data).toMatchObject({ team: 'red', principal: { kind: 'task', name: parent } });
});

test('its time is what its parent has left', async () => {
  const { events, deps } = setUp();
  const asked = question({ run: 'echo hi' });
  const { time } = events.stored[0] ?? { time: new Date() };
  await onTaskSpawn(deps, { ...asked, event: { ...asked.event, time: new Date(time.getTime() + 3_000_000) } });
  expect(events.stored[1]).toMatchObject({ data: { spec: { timeouts: { totalMs: 600_000 } } } });
});

test('when its parent is cancelled meanwhile, it is made and cancelled, whatever delivery sees that', async () => {
  for (const seen of ['at first', 'again']) {
    const { events, deps, cancelParent } = setUp();
    if (seen === 'again') await onTaskSpawn(deps, question({ run: 'x' }));
    cancelParent();
    for (const _delivery of [1, 2]) await onTaskSpawn(deps, question({ run: 'x' }));
    expect(events.stored.map(({ type }) => type)).toEqual(['task.created', 'task.created', 'task.cancelling']);
    expect(events.stored[2]).toMatchObject({ data: { task: id, by: `task ${parent}` } });
  }
});

test('what is no task is rejected with a sentence, and without room it waits', async () => {
  expect(await onTaskSpawn(setUp().deps, question({ rnu: 'x' }))).toMatchObject({
    kind: 'reject',
    reason: expect.stringContaining('rnu'),
  });
  expect(await onTaskSpawn(setUp('the disk is full').deps, question({ run: 'x' }))).toMatchObject({ kind: 'retry' });
});

test('nobody asks in the name of a task but the host that had its VM', async () => {
  const { deps } = setUp();
  const reason = `task ${parent} was never at work on the host that asks for it`;
  const from = (subject: string) => onTaskSpawn(deps, question({ run: 'x' }, subject));
  expect(await from(`task.spawn.${parent}.1.host-2`)).toEqual({ kind: 'reject', reason });
  // The subject is what the broker has checked: a question names no other task than that.
  expect(await from(`task.spawn.${newTaskId(1)}.1.host-1`)).toEqual({ kind: 'reject', reason });
});
