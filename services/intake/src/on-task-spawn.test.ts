import type { Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import { silentLogger } from '@vm-task/service/log';
import { newTaskId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { config } from '../test/task-events.ts';
import { onTaskSpawn } from './on-task-spawn.ts';

const [parent, id] = [newTaskId(1_000_000), newTaskId(1_000_001)];

function question(file: unknown): Handling<RawMessage> {
  const data = Buffer.from(JSON.stringify({ v: 1, id, parent, file }));
  const event = { seq: 7, subject: `task.spawn.${parent}.ab`, time: new Date(1_000_000), headers: undefined, data };
  return { event, head: null, deliveries: 1, signal: new AbortController().signal, log: silentLogger };
}

function setUp(full: string | null = null) {
  const events = memoryEvents();
  return { events, deps: { config, admission: { refusal: async () => full }, findCreated: events.findCreated } };
}

test('the task that a task asked for names its parent, and is made once', async () => {
  const { events, deps } = setUp();
  const asked = question({ run: 'echo hi' });
  const outcome = await onTaskSpawn(deps, asked);
  const data = { task: id, pool: 'default', cause: { kind: 'task', id: parent } };
  expect(outcome).toMatchObject({ kind: 'done', fence: 0, event: { type: 'task.created', data } });
  if (outcome.kind !== 'done' || outcome.event === null) throw new Error('not accepted');
  await events.append(outcome.event, 0, asked.signal);
  expect(await onTaskSpawn(deps, asked)).toMatchObject({ kind: 'done', event: null });
});

test('what is no task is rejected with a sentence, and without room it waits', async () => {
  expect(await onTaskSpawn(setUp().deps, question({ rnu: 'x' }))).toMatchObject({
    kind: 'reject',
    reason: expect.stringContaining('rnu'),
  });
  expect(await onTaskSpawn(setUp('the disk is full').deps, question({ run: 'x' }))).toMatchObject({ kind: 'retry' });
});
