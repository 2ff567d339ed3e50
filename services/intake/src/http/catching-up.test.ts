import { newTaskId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { apiForEachTest, authorization } from '../../test/app-for-each-test.ts';
import { completed, created } from '../../test/task-events.ts';

const api = apiForEachTest();

test('while it catches up, lists say how many events they lack, and what is not there yet is no "not found"', async () => {
  const [old, young] = [newTaskId(0), newTaskId(1)];
  api.events.put(created(old));
  api.projection.catchUp(10_003);
  api.show();
  api.events.put(created(young));
  api.events.put(completed(young, null));
  const list = await api.get('/v1/tasks');
  expect([list.statusCode, list.headers['vm-task-behind'], list.json().tasks.length]).toEqual([200, '10002', 1]);
  const found = await api.get(`/v1/tasks/${old}`);
  expect([found.statusCode, found.headers['vm-task-behind']]).toEqual([200, '10002']);
  for (const url of [`/v1/tasks/${young}`, `/v1/tasks/${old.slice(0, 8)}`, `/v1/pipelines/${young}`]) {
    const answer = await api.get(url);
    const { code, behind } = answer.json();
    expect([url, answer.statusCode, code, behind]).toEqual([url, 503, 'projection-behind', 10_002]);
    expect(answer.headers['retry-after']).toBe('1');
  }
  api.projection.advance([
    ...api.events.stored.map((event) => ({ seq: event.seq, event })),
    { seq: 10_003, event: null },
  ]);
  const current = await api.get('/v1/tasks');
  expect([current.headers['vm-task-behind'], current.json().tasks.length]).toEqual([undefined, 2]);
  expect((await api.get(`/v1/tasks/${young}`)).statusCode).toBe(200);
});

test('while it catches up, tasks are taken and ended by their whole ids', async () => {
  const task = newTaskId(0);
  api.events.put(created(task));
  api.projection.catchUp(10_000);
  const headers = { authorization, 'content-type': 'application/json' };
  const submitted = await api.app.inject({ method: 'POST', url: '/v1/tasks', headers, body: '{"run":"echo hi"}' });
  expect(submitted.statusCode).toBe(202);
  const cancel = (id: string) =>
    api.app.inject({ method: 'DELETE', url: `/v1/tasks/${id}`, headers: { authorization } });
  expect((await cancel(task)).statusCode).toBe(202);
  expect(api.events.stored.map(({ type }) => type)).toEqual(['task.created', 'task.created', 'task.cancelling']);
  expect((await cancel(newTaskId(0))).statusCode).toBe(404);
});
