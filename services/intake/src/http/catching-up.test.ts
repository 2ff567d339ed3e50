import { newTaskId } from '@vm-task/shared/new-ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { appOf } from '../../test/app-by-hand.ts';
import { type MemoryEvents, memoryEvents } from '../../test/memory-events.ts';
import { completed, config, created } from '../../test/task-events.ts';
import { openDatabase } from '../projection/open-database.ts';
import { createProjection, type Projection } from '../projection/projection.ts';
import type { App } from './server.ts';

const authorization = 'Bearer right';
let events: MemoryEvents;
let projection: Projection;
let app: App;

beforeEach(async () => {
  events = memoryEvents();
  projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 0 }));
  app = await appOf({ config, events, projection });
});

afterEach(async () => {
  await app.close();
  projection[Symbol.dispose]();
});

function show(): void {
  projection.advance(events.stored.map((event) => ({ seq: event.seq, event })));
}

function get(url: string, headers: Record<string, string> = { authorization }) {
  return app.inject({ method: 'GET', url, headers });
}

test('while it catches up, lists say how many events they lack, and what is not there yet is no "not found"', async () => {
  const [old, young] = [newTaskId(0), newTaskId(1)];
  events.put(created(old));
  projection.catchUp(10_003);
  show();
  events.put(created(young));
  events.put(completed(young, null));
  const list = await get('/v1/tasks');
  expect([list.statusCode, list.headers['vm-task-behind'], list.json().tasks.length]).toEqual([200, '10002', 1]);
  const found = await get(`/v1/tasks/${old}`);
  expect([found.statusCode, found.headers['vm-task-behind']]).toEqual([200, '10002']);
  for (const url of [`/v1/tasks/${young}`, `/v1/tasks/${old.slice(0, 8)}`, `/v1/pipelines/${young}`]) {
    const answer = await get(url);
    const { code, behind } = answer.json();
    expect([url, answer.statusCode, code, behind]).toEqual([url, 503, 'projection-behind', 10_002]);
    expect(answer.headers['retry-after']).toBe('1');
  }
  projection.advance([...events.stored.map((event) => ({ seq: event.seq, event })), { seq: 10_003, event: null }]);
  const current = await get('/v1/tasks');
  expect([current.headers['vm-task-behind'], current.json().tasks.length]).toEqual([undefined, 2]);
  expect((await get(`/v1/tasks/${young}`)).statusCode).toBe(200);
});

test('while it catches up, tasks are taken and ended by their whole ids', async () => {
  const task = newTaskId(0);
  events.put(created(task));
  projection.catchUp(10_000);
  const headers = { authorization, 'content-type': 'application/json' };
  const submitted = await app.inject({ method: 'POST', url: '/v1/tasks', headers, body: '{"run":"echo hi"}' });
  expect(submitted.statusCode).toBe(202);
  const cancel = (id: string) => app.inject({ method: 'DELETE', url: `/v1/tasks/${id}`, headers: { authorization } });
  expect((await cancel(task)).statusCode).toBe(202);
  expect(events.stored.map(({ type }) => type)).toEqual(['task.created', 'task.created', 'task.cancelling']);
  expect((await cancel(newTaskId(0))).statusCode).toBe(404);
});
