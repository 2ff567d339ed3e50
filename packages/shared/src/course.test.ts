import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type Course, courseAfter, maySpeak } from './course.ts';
import { anyHost, type Draft, type Head } from './events.ts';
import { manualPool } from './ids.ts';

const task = sample.sampleTask();
const vm = sample.sampleVm();
const stored = (draft: Draft) => draft as unknown as Head;
const unknown = (said: string, host: string) => ({ type: 'unknown', said, host }) as Head;

function courseOf(...drafts: readonly Draft[]): Course {
  const course = drafts.reduce<Course | null>((before, draft) => courseAfter(before, stored(draft)), null);
  if (course === null) throw new Error('nothing was said');
  return course;
}

/** All that the host may say, of these. */
function mayOf(course: Course, host: string): string[] {
  const all = [
    sample.vmReady(task, {}, host),
    sample.resumed(task, vm, {}, host),
    sample.retrying(task, {}, host),
    sample.cancelling(task, {}, host),
    sample.completed(task, {}, host),
  ];
  return all.filter((draft) => maySpeak(course, stored(draft))).map(({ type }) => type);
}

const created = sample.created(task);
const ready = sample.vmReady(task);
const bound = { ...created, host: 'host-1' };

test('a task that waits is for every host to take, or to end; one that is bound for its own host alone', () => {
  expect(mayOf(courseOf(created), 'host-2')).toEqual(['vm.ready', 'task.retrying', 'task.completed']);
  expect(mayOf(courseOf(bound), 'host-1')).toEqual(['vm.ready', 'task.retrying', 'task.completed']);
  expect(mayOf(courseOf(bound), 'host-2')).toEqual([]);
});

test('of a task that people answer no host says anything, so none can answer it', () => {
  const asked = courseOf(sample.created(task, { pool: manualPool }));
  expect(mayOf(asked, 'host-1')).toEqual([]);
  expect(mayOf(asked, anyHost)).toContain('task.completed');
});

test('an attempt that has a VM is for its host alone, and gets no second one', () => {
  const working = courseOf(created, ready);
  expect(mayOf(working, 'host-1')).toEqual(['task.resumed', 'task.retrying', 'task.cancelling', 'task.completed']);
  expect(mayOf(working, 'host-2')).toEqual([]);
  const again = courseOf(created, ready, sample.retrying(task, { vm }));
  expect(mayOf(again, 'host-2')).toEqual(['vm.ready', 'task.retrying', 'task.completed']);
});

test('a task that is being cancelled is not tried again, whichever host says so', () => {
  const waiting = courseOf(created, sample.cancelling(task, {}, anyHost));
  expect(mayOf(waiting, 'host-2')).toEqual(['task.completed']);
  const working = courseOf(created, ready, sample.cancelling(task));
  expect(mayOf(working, 'host-1')).toEqual(['task.resumed', 'task.cancelling', 'task.completed']);
});

test('nobody speaks of what is over or was never created, and nothing is created twice', () => {
  expect(mayOf(courseOf(created, ready, sample.completed(task)), 'host-1')).toEqual([]);
  expect(mayOf(courseOf(created, ready, sample.completed(task)), anyHost)).toEqual([]);
  expect(maySpeak(null, stored(ready))).toBe(false);
  expect(maySpeak(null, stored(created))).toBe(true);
  expect(maySpeak(courseOf(created), stored(created))).toBe(false);
});

test('an event that cannot be read counts by what it says of itself', () => {
  const working = courseOf(created, ready);
  expect(maySpeak(working, unknown('task.paused', 'host-1'))).toBe(true);
  expect(maySpeak(working, unknown('task.paused', 'host-2'))).toBe(false);
  const over = courseAfter(working, unknown('task.completed', 'host-1'));
  expect(maySpeak(over, stored(sample.completed(task)))).toBe(false);
});
