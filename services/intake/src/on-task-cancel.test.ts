import type { Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import { silentLogger } from '@vm-task/service/log';
import { newTaskId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { completed, created } from '../test/task-events.ts';
import { onTaskCancel } from './on-task-cancel.ts';

function command(data: object): Handling<RawMessage> {
  const event = {
    seq: 9,
    subject: 'task.cancel',
    time: new Date(),
    headers: undefined,
    data: Buffer.from(JSON.stringify(data)),
  };
  return { event, head: null, deliveries: 1, signal: new AbortController().signal, log: silentLogger };
}

test('a cancel finds the pool of its task, and its redelivery changes nothing', async () => {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  events.put(created(task));
  const deps = { bus: events, findCreated: events.findCreated };
  for (const _delivery of [1, 2]) {
    expect(await onTaskCancel(deps, command({ task, reason: 'enough' }))).toMatchObject({ kind: 'done', event: null });
  }
  expect(events.stored.map(({ type }) => type)).toEqual(['task.created', 'task.cancelling']);
  expect(events.stored[1]).toMatchObject({ data: { by: 'command 9', reason: 'enough' } });
});

test('a cancel that comes after the end changes nothing', async () => {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  events.put(created(task));
  events.put(completed(task, null));
  const deps = { bus: events, findCreated: events.findCreated };
  expect(await onTaskCancel(deps, command({ task }))).toMatchObject({ kind: 'done' });
  expect(events.stored).toHaveLength(2);
});

test.each([
  [{ task: newTaskId(1) }, /there is no task/],
  [{ task: '*' }, /task: must be a whole task id/],
  [{ tsk: 'x' }, /tsk: unknown key; did you mean "task"/],
])('%j is rejected with a sentence', async (data, reason) => {
  const events = memoryEvents();
  const outcome = await onTaskCancel({ bus: events, findCreated: events.findCreated }, command(data));
  expect(outcome).toMatchObject({ kind: 'reject', reason: expect.stringMatching(reason) });
});
