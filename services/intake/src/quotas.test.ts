import type { Head } from '@vm-task/shared/events';
import { newMessageId, newTaskId } from '@vm-task/shared/new-ids';
import { quotasSchema } from '@vm-task/shared/quotas';
import { pipelineAdvanced, pipelineCreated, samplePipeline } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { created } from '../test/task-events.ts';
import { openDatabase } from './projection/open-database.ts';
import { createProjection } from './projection/projection.ts';
import { createQuotas, type Wanted } from './quotas.ts';

const start = Date.UTC(2026, 0, 1);
const task: Wanted = { what: 'task', keepsFiles: false };

function setUp(quotas: object, nowMs = start) {
  const projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 1_000 }));
  const teams = { red: { quotas: quotasSchema.parse(quotas) } };
  const show = (event: Head) => projection.advance([{ seq: event.seq, event }]);
  const asked = createQuotas({ teams, projection, nowMs: () => nowMs });
  return { ...asked, show, [Symbol.dispose]: () => projection[Symbol.dispose]() };
}

const refused = (text: string) =>
  expect.objectContaining({ code: 'quota-exceeded', message: expect.stringContaining(text) });

test('what is on its way is counted until it is shown, and what was not taken is not', () => {
  using quotas = setUp({ waitingTasks: 2 });
  const events = memoryEvents();
  const first = quotas.take('red', task);
  const second = quotas.take('red', task);
  expect(() => quotas.take('red', task)).toThrow(
    refused('the team red has 2 of 2 tasks that wait for a VM (waitingTasks)'),
  );
  second[Symbol.dispose]();
  const third = quotas.take('red', task);
  const event = events.put(created(newTaskId(start), undefined, { team: 'red' }));
  first.stored({ id: event.data.task, seq: event.seq });
  first[Symbol.dispose]();
  expect(() => quotas.take('red', task)).toThrow(refused('2 of 2'));
  quotas.show(event);
  expect(() => quotas.take('red', task)).toThrow(refused('2 of 2'));
  third[Symbol.dispose]();
  expect(quotas.usage('red')[0]).toMatchObject({ quota: 'waitingTasks', used: 1, limit: 2, freeAtMs: null });
});

test('a pipeline counts as one until it begins', () => {
  using quotas = setUp({ tasksPerDay: 1 });
  const events = memoryEvents();
  const pipeline = samplePipeline();
  using place = quotas.take('red', { what: 'pipeline', keepsFiles: false });
  const event = events.put(pipelineCreated(pipeline, { team: 'red' }));
  place.stored({ id: pipeline, seq: event.seq });
  quotas.show(event);
  expect(() => quotas.take('red', task)).toThrow(refused('from 2026-01-02T00:00:00.000Z on'));
  quotas.show(events.put(pipelineAdvanced(pipeline)));
  quotas.take('red', task)[Symbol.dispose]();
});

test('a message counts until it is shown or gone', () => {
  using quotas = setUp({ messages: 1 }, start);
  const wanted = { what: 'message', keepsFiles: false } as const;
  const place = quotas.take('red', wanted);
  expect(() => quotas.take('red', wanted)).toThrow(refused('1 of 1 messages'));
  const message = { id: newMessageId(start), to: 'anna', priority: 'normal', expiresAt: new Date(start).toISOString() };
  place.stored({ message: message as never });
  quotas.take('red', wanted)[Symbol.dispose]();
});

test('who has no quota, or is of no team, is refused nothing; and a quota of none lets nothing in', () => {
  using quotas = setUp({ waitingTasks: 0, artifactsMiB: 0 });
  for (const team of [undefined, 'blue', 'toString']) quotas.take(team, task)[Symbol.dispose]();
  quotas.take('red', { what: 'message', keepsFiles: false })[Symbol.dispose]();
  expect(() => quotas.take('red', task)).toThrow(refused('0 of 0 tasks'));
});

test('only what may leave files is refused for files', () => {
  using quotas = setUp({ artifactsMiB: 0 });
  quotas.take('red', task)[Symbol.dispose]();
  expect(() => quotas.take('red', { what: 'task', keepsFiles: true })).toThrow(refused('(artifactsMiB)'));
});
