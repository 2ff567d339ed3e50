import { questionSpec } from '@vm-task/pipelines/planning/manual-task';
import { anyHost, type Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newPipelineId, newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { cancelling, retrying, setupDone, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { completed, created } from '../../test/task-events.ts';
import { isPlainTask } from './is-plain-task.ts';
import { listTasks } from './list-tasks.ts';
import { openDatabase } from './open-database.ts';
import { createProjection, type Projection } from './projection.ts';
import { readTask } from './read-task.ts';
import { resolveId } from './resolve-id.ts';
import { countTasks, oldestQueued } from './task-counts.ts';
import { readTaskEvents } from './task-events.ts';

function project(events: readonly Stored[] = []): Projection {
  const projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 1_000 }));
  projection.advance(events.map((event) => ({ seq: event.seq, event })));
  return projection;
}

/** Events of a memory stream are a second apart, from this time on. */
const start = Date.UTC(2026, 0, 1);
const setup = { run: 'x', setup: [{ run: 'y' }] };

test('each event moves the status on, and the first terminal event stays (I2)', () => {
  const events = memoryEvents();
  using projection = project();
  const task = newTaskId(start);
  const vm = newVmId(start + 1_500);
  const status = (event: Stored) => {
    projection.advance([{ seq: event.seq, event }]);
    return readTask(projection.db, task)?.status;
  };
  expect(status(events.put(created(task, setup)))).toBe('queued');
  expect(status(events.put(vmReady(task, { vm })))).toBe('setup');
  expect(status(events.put(setupDone(task)))).toBe('running');
  expect(status(events.put(cancelling(task)))).toBe('cancelling');
  expect(status(events.put(completed(task, vm)))).toBe('completed');
  expect(status(events.put(completed(task, vm, { outcome: 'failed' })))).toBe('completed');
  expect(readTask(projection.db, task)).toEqual({
    id: task,
    status: 'completed',
    outcome: 'succeeded',
    exitCode: 0,
    result: { found: 3 },
    error: null,
    pool: 'default',
    image: 'python@3.2.0',
    vm,
    question: null,
    createdAt: '2026-01-01T00:00:01.000Z',
    completedAt: '2026-01-01T00:00:05.000Z',
    attempts: [
      {
        number: 1,
        vm,
        startedAt: '2026-01-01T00:00:02.000Z',
        endedAt: '2026-01-01T00:00:05.000Z',
        exitCode: 0,
        error: null,
      },
    ],
    timings: {
      queuedMs: 1_000,
      vmReadyMs: 500,
      setupMs: 1_000,
      runMs: 120,
      totalMs: 4_000,
      phases: [
        { attempt: 1, phase: 'queued', ms: 500 },
        { attempt: 1, phase: 'vm', ms: 500 },
        { attempt: 1, phase: 'setup', ms: 1_000 },
        { attempt: 1, phase: 'run', ms: 120 },
        { attempt: 1, phase: 'overhead', ms: 1_880 },
      ],
    },
    artifacts: [],
    unmatched: [],
  });
});

test('a task without setup steps is starting until its process runs', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  events.put(created(task));
  events.put(vmReady(task, { vm: newVmId(start) }));
  using projection = project(events.stored);
  expect(readTask(projection.db, task)).toMatchObject({ status: 'starting', timings: { vmReadyMs: 0, setupMs: null } });
});

test('a task that never had a VM shows why it failed', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  const error = { code: 'pool-not-found' as const, message: 'no such image' };
  events.put(created(task));
  events.put(completed(task, null, { outcome: 'failed', exitCode: null, error, processMs: null }));
  using projection = project(events.stored);
  expect(readTask(projection.db, task)).toMatchObject({
    outcome: 'failed',
    error,
    attempts: [{ number: 1, vm: null, startedAt: null, exitCode: null, error }],
    timings: { queuedMs: null, runMs: null, totalMs: 1_000 },
  });
});

test('each attempt is shown with its VM and its error, and the task waits without a VM in between', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  const [first, last] = [newVmId(start), newVmId(start + 4_500)];
  const lost = { code: 'vm-lost' as const, message: 'its process has ended' };
  const noVm = { code: 'vm-not-started' as const, message: 'no space' };
  events.put(created(task));
  events.put(vmReady(task, { vm: first }));
  events.put(retrying(task, { vm: first, error: lost }));
  {
    using projection = project(events.stored);
    expect(readTask(projection.db, task)).toMatchObject({ status: 'retrying', outcome: null, error: null, vm: null });
  }
  events.put(retrying(task, { attempt: 2, next: 3, error: noVm }));
  events.put(vmReady(task, { vm: last, attempt: 3 }));
  events.put(completed(task, last, { attempt: 3 }));
  using projection = project(events.stored);
  expect(readTask(projection.db, task)).toMatchObject({
    status: 'completed',
    vm: last,
    error: null,
    attempts: [
      { number: 1, vm: first, startedAt: '2026-01-01T00:00:02.000Z', endedAt: '2026-01-01T00:00:03.000Z', error: lost },
      { number: 2, vm: null, startedAt: null, endedAt: '2026-01-01T00:00:04.000Z', error: noVm },
      { number: 3, vm: last, startedAt: '2026-01-01T00:00:05.000Z', endedAt: '2026-01-01T00:00:06.000Z', error: null },
    ],
    timings: { queuedMs: 1_000, totalMs: 5_000 },
  });
});

test('an attempt that was only waited for is none', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  events.put(created(task));
  events.put(retrying(task));
  events.put(completed(task, null, { attempt: 2, outcome: 'cancelled', exitCode: null }));
  using projection = project(events.stored);
  expect(readTask(projection.db, task)).toMatchObject({ outcome: 'cancelled', attempts: [{ number: 1 }] });
});

test('events that another instance has applied are left out, and positions never go back', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  events.put(created(task));
  events.put(vmReady(task, { vm: newVmId(start) }));
  using projection = project(events.stored);
  const other = createProjection(projection.db);
  expect(other.position).toBe(2);
  other.advance(events.stored.map((event) => ({ seq: event.seq, event })));
  expect(readTaskEvents(projection.db, task, 0)).toEqual({ seqs: [1, 2], over: false });
});

test('events whose task was purged, and unreadable ones, change nothing but the position', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  events.put(vmReady(task, { vm: newVmId(start) }));
  events.put(completed(task, null));
  using projection = project(events.stored);
  projection.advance([{ seq: 9, event: null }]);
  expect(projection.position).toBe(9);
  expect(readTask(projection.db, task)).toBeNull();
  expect(readTaskEvents(projection.db, task, 0)).toEqual({ seqs: [], over: true });
});

test('a batch is applied as a whole or not at all', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  const event = events.put(created(task));
  using projection = project();
  const broken = { ...events.put(created(newTaskId(start))), time: null } as unknown as Stored;
  expect(() =>
    projection.advance([
      { seq: 1, event },
      { seq: 2, event: broken },
    ]),
  ).toThrow();
  expect(projection.position).toBe(0);
  expect(readTask(projection.db, task)).toBeNull();
});

test('tasks are listed in pages, the newest first, by status, pool and labels', () => {
  const events = memoryEvents();
  const ids = [0, 1, 2, 3, 4].map((n) => newTaskId(start + n));
  for (const [n, id] of ids.entries()) {
    events.put(created(id, { run: 'x', labels: { team: n % 2 === 0 ? 'even' : 'odd', at: 'home' } }));
  }
  events.put(completed(ids[0] ?? newTaskId(0), null));
  using projection = project(events.stored);
  const list = (filter: Parameters<typeof listTasks>[1], limit = 10, before: number | null = null) => {
    const { tasks, next } = listTasks(projection.db, filter, limit, before);
    return { found: tasks.map(({ id }) => ids.indexOf(id as never)), next };
  };
  expect(list({}, 2)).toEqual({ found: [4, 3], next: 4 });
  expect(list({}, 2, 4)).toEqual({ found: [2, 1], next: 2 });
  expect(list({}, 2, 2)).toEqual({ found: [0], next: null });
  expect(list({ status: 'queued', labels: { team: 'even' } }).found).toEqual([4, 2]);
  expect(list({ labels: { team: 'odd', at: 'work' } }).found).toEqual([]);
  expect(list({ pool: 'other' }).found).toEqual([]);
  expect(countTasks(projection.db)).toMatchObject([
    { status: 'completed', outcome: 'succeeded', tasks: 1 },
    { status: 'queued', outcome: null, tasks: 4 },
  ]);
  expect(oldestQueued(projection.db)).toEqual([{ pool: 'default', createdAt: start + 2_000 }]);
});

test('a beginning of an id means one task, or several, or none', () => {
  const events = memoryEvents();
  const [a, b] = [newTaskId(start), newTaskId(start)];
  for (const id of [a, b]) events.put(created(id));
  using projection = project(events.stored);
  expect(resolveId(projection.db, a)).toEqual({ kind: 'task', id: a, pool: 'default' });
  expect(resolveId(projection.db, a.slice(0, 13))).toEqual({ kind: 'ambiguous', candidates: [a, b].sort() });
  expect(resolveId(projection.db, 'ffffffff')).toEqual({ kind: 'none' });
});

test('a reader waits for what was acknowledged, and is told when that takes too long', async () => {
  const events = memoryEvents();
  const event = events.put(created(newTaskId(start)));
  using projection = project();
  await projection.upToDate();
  projection.expect(1);
  await expect(projection.upToDate(AbortSignal.abort())).rejects.toMatchObject({ code: 'projection-behind' });
  const waiting = projection.upToDate();
  projection.advance([{ seq: 1, event }]);
  await waiting;
});

test('a task is plain when it is here and no part of a pipeline', () => {
  const events = memoryEvents();
  const [plain, part, unknown] = [1, 2, 3].map((ms) => newTaskId(start + ms)) as [TaskId, TaskId, TaskId];
  const stage = { pipeline: newPipelineId(start), stage: 'one', index: 0, run: 1 };
  using projection = project([events.put(created(plain)), events.put(created(part, undefined, { stage }))]);
  expect([plain, part, unknown].map((task) => isPlainTask(projection.db, task))).toEqual([true, false, false]);
});

test('a task that waits for an answer shows what is asked, and until when, for as long as nobody has answered', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  const asked = { text: '删除这些域名？', deadlineMs: 60_000, inputs: {}, labels: {}, alertAfterMs: undefined };
  const answerers = { only: ['anna'] };
  const spec = questionSpec({ from: 'approval', answerers, ...asked });
  events.put(created(task, undefined, { pool: 'manual', spec }));
  using projection = project(events.stored);
  const question = () => readTask(projection.db, task)?.question;
  expect(question()).toEqual({ text: '删除这些域名？', until: '2026-01-01T00:01:01.000Z', answerers });
  const event = events.put(completed(task, null, { pool: 'manual' }, anyHost));
  projection.advance([{ seq: event.seq, event }]);
  expect(question()).toBeNull();
});
