import type { Draft, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { eventSubject } from '@vm-task/shared/subjects';
import { asNewer } from '@vm-task/testing/newer-events';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { Deadlines } from './deadlines.ts';

const timeouts = { queueMs: 10_000, setupMs: 20_000, runMs: 30_000, totalMs: 45_000 };
/** So long a runner has to stop what has a VM. */
const patienceMs = 40_000;
/** Stored at `index` ms, as the message after so many. */
const storedAt = (draft: Draft, index: number) =>
  ({ ...draft, seq: index + 1, time: new Date(index), subject: eventSubject(draft) }) as Stored;
const created = (task: TaskId) => sample.created(task, { spec: { ...sample.sampleSpec, timeouts } });

function deadlinesOf(...events: readonly (readonly [atMs: number, draft: Draft])[]): Deadlines {
  const deadlines = new Deadlines(patienceMs);
  for (const [index, [atMs, draft]] of events.entries()) {
    deadlines.take({ ...draft, seq: index + 1, time: new Date(atMs), subject: eventSubject(draft) } as Stored);
  }
  return deadlines;
}

test('each phase has its deadline, and the total is above all', () => {
  const task = sample.sampleTask();
  const at = (...events: readonly (readonly [number, Draft])[]) => deadlinesOf([0, created(task)], ...events).nextMs();
  expect(at()).toBe(10_000);
  expect(at([5_000, sample.vmReady(task)])).toBe(25_000 + patienceMs);
  expect(at([5_000, sample.vmReady(task)], [10_000, sample.setupDone(task)])).toBe(40_000 + patienceMs);
  expect(at([5_000, sample.vmReady(task)], [20_000, sample.setupDone(task)])).toBe(45_000 + patienceMs);
  expect(at([5_000, sample.cancelling(task, {}, 'any')])).toBe(45_000);
  expect(at([8_000, sample.cancelling(task, {}, 'any')])).toBe(48_000);
  expect(at([8_000, sample.completed(task)])).toBe(null);
  const notBefore = new Date(30_000).toISOString();
  // The wait before it is not the fault of the queue; only the total goes on.
  expect(at([5_000, sample.retrying(task, { notBefore })])).toBe(40_000);
  expect(at([5_000, sample.retrying(task, { notBefore: new Date(40_000).toISOString() })])).toBe(45_000);
});

test('behind an event that cannot be read here only the total holds, and what strangers say moves nothing', () => {
  const task = sample.sampleTask();
  const events = [created(task), sample.vmReady(task)].map((draft, index) => storedAt(draft, index));
  const deadlines = new Deadlines(patienceMs);
  for (const event of events) deadlines.take(event);
  expect(deadlines.nextMs()).toBe(20_001 + patienceMs);
  deadlines.take(storedAt(sample.setupDone(task, {}, 'host-2'), 2));
  expect(deadlines.take(storedAt(sample.completed(task, {}, 'host-2'), 3))).toBeNull();
  expect(deadlines.nextMs()).toBe(20_001 + patienceMs);
  deadlines.take(asNewer(storedAt(sample.resumed(task, sample.sampleVm()), 4)));
  expect(deadlines.nextMs()).toBe(45_000);
  expect(deadlines.takeDue(45_000)).toMatchObject([{ due: { kind: 'total' }, task: { headSeq: 5 } }]);
  expect(deadlines.take(asNewer(storedAt(sample.completed(task), 5)))).toBe(task);
  expect(deadlines.nextMs()).toBe(null);
});

test('what is due comes once, the earliest first, and only while it is due', () => {
  const [first, second, over] = [sample.sampleTask(), sample.sampleTask(), sample.sampleTask()];
  const deadlines = deadlinesOf(
    [0, created(over)],
    [3_000, created(second)],
    [1_000, created(first)],
    [4_000, sample.completed(over)],
  );
  expect(deadlines.takeDue(10_999)).toEqual([]);
  expect(deadlines.takeDue(20_000).map(({ task, due }) => [task.task, due.kind, due.atMs])).toEqual([
    [first, 'queue', 11_000],
    [second, 'queue', 13_000],
  ]);
  expect(deadlines.takeDue(20_000)).toEqual([]);
  expect(deadlines.allOverdue(20_000)).toHaveLength(2);
});

test('what has ended is not kept, and is not live again because of what is said afterwards', () => {
  const [over, live] = [sample.sampleTask(), sample.sampleTask()];
  const deadlines = deadlinesOf(
    [0, created(over)],
    [0, created(live)],
    [1_000, sample.completed(over)],
    [2_000, sample.vmReady(over)],
    [2_000, sample.vmGone(sample.sampleVm(), { task: over })],
  );
  expect(deadlines.live().map(({ task }) => task)).toEqual([live]);
  deadlines.forget(live);
  expect(deadlines.live()).toEqual([]);
  expect(deadlines.nextMs()).toBe(null);
});
