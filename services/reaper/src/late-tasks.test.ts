import type { Draft, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { LateTasks, lateAlert } from './late-tasks.ts';

const created = (task: TaskId, alertAfterMs: number) =>
  sample.created(task, { spec: { ...sample.sampleSpec, alertAfterMs } });

function lateTasksOf(...events: readonly (readonly [atMs: number, draft: Draft])[]): LateTasks {
  const late = new LateTasks();
  for (const [index, [atMs, draft]] of events.entries()) {
    late.take({ ...draft, seq: index + 1, time: new Date(atMs) } as Stored);
  }
  return late;
}

test('a task is late so long after it was submitted, whatever phase it is in, and is reported once', () => {
  const [first, second, never] = [sample.sampleTask(), sample.sampleTask(), sample.sampleTask()];
  const late = lateTasksOf(
    [0, created(second, 20_000)],
    [1_000, created(first, 10_000)],
    [2_000, sample.created(never)],
    [3_000, sample.retrying(first)],
    [4_000, sample.cancelling(second)],
  );
  expect(late.nextMs()).toBe(11_000);
  expect(late.takeDue(10_999)).toEqual([]);
  expect(late.takeDue(30_000).map(({ task }) => task)).toEqual([first, second]);
  expect(late.takeDue(30_000)).toEqual([]);
  expect(late.nextMs()).toBe(null);
});

test('of one that waits for certain people, people are told who they are', () => {
  const main = { kind: 'answer' as const, from: 'approval' as const, text: '', answerers: { only: ['anna'] } };
  const spec = { ...sample.sampleSpec, main, alertAfterMs: 1_000 };
  const late = lateTasksOf([1_000, sample.created(sample.sampleTask(), { spec })]);
  const text = late.takeDue(2_000).map((one) => lateAlert(one).data.text);
  expect(text).toEqual([expect.stringMatching(/; it goes on, and may be answered by "anna" only$/)]);
});

test('what was taken is due until the log has the alert', () => {
  const task = sample.sampleTask();
  const late = lateTasksOf([0, created(task, 10_000)]);
  const [due] = late.takeDue(10_000);
  if (due === undefined) throw new Error('it is not due');
  expect(late.allDue(10_000)).toEqual([due]);
  late.take({ ...lateAlert(due), seq: 9, time: new Date(10_000) } as Stored);
  expect(late.allDue(10_000)).toEqual([]);
});

test('a task that is over is late no more; an alert of another kind, or of a host, tells nothing of it', () => {
  const [over, live] = [sample.sampleTask(), sample.sampleTask()];
  const late = lateTasksOf(
    [0, created(over, 10_000)],
    [0, created(live, 10_000)],
    [6_000, sample.alertRaised({ kind: 'reaper-failing', id: live })],
    [7_000, { ...sample.alertRaised({ kind: 'task-late', id: live }), host: 'host-2' }],
  );
  late.forget(over);
  expect(late.takeDue(10_000).map(({ task }) => task)).toEqual([live]);
});
