import { sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import {
  deadSubject,
  logSubject,
  logSubjects,
  retryDueSubject,
  spineOfRetryDue,
  spineSubject,
  subjectMatches,
  taskOfCompleted,
  taskSubjects,
} from './subjects.ts';

test.each([
  ['a.b', 'a.b', true],
  ['a.b', 'a.c', false],
  ['a.b', 'a', false],
  ['a', 'a.b', false],
  ['a.*', 'a.b', true],
  ['a.*', 'a', false],
  ['a.*', 'a.b.c', false],
  ['*.*.p.t', 'task.created.p.t', true],
  ['*.*.p.t', 'task.setup.done.p.t', false],
  ['a.>', 'a.b.c', true],
  ['a.>', 'a', false],
  ['>', 'a', true],
])('the pattern %s and the subject %s: %s', (pattern, subject, matches) => {
  expect(subjectMatches(pattern, subject)).toBe(matches);
});

test("a task's subjects are its own: no other task's output or events are among them", () => {
  const [task, other] = [sampleTask(), sampleTask()];
  const key = { pool: 'default', task };
  expect(subjectMatches(logSubjects(task), logSubject(task, 2, 'stderr'))).toBe(true);
  expect(subjectMatches(logSubjects(task), logSubject(other, 2, 'stderr'))).toBe(false);
  const patterns = taskSubjects(key);
  const chosen = (subject: string) => patterns.some((pattern) => subjectMatches(pattern, subject));
  expect(chosen(`task.completed.default.${task}`)).toBe(true);
  expect(chosen(`task.setup.done.default.${task}`)).toBe(true);
  expect(chosen(`task.completed.default.${other}`)).toBe(false);
  expect(chosen(`task.completed.other.${task}`)).toBe(false);
  expect(patterns.at(-1)).toBe(spineSubject(key));
});

test('a timer that is due names its task, and nothing else does', () => {
  const key = { pool: 'default', task: sampleTask() };
  expect(spineOfRetryDue(retryDueSubject(key))).toEqual(key);
  for (const other of [`due.retry.default.x`, `due.ttl.default.${key.task}`, `due.retry.default.${key.task}.x`]) {
    expect(spineOfRetryDue(other)).toBeNull();
  }
});

test("a task's end names the task, and nothing else does", () => {
  const task = sampleTask();
  expect(taskOfCompleted(`task.completed.default.${task}`)).toBe(task);
  for (const other of [
    `task.created.default.${task}`,
    'task.completed.default.x',
    `task.completed.default.${task}.x`,
  ]) {
    expect(taskOfCompleted(other)).toBeNull();
  }
});

test('a dead letter is named after who could not handle which message', () => {
  expect(deadSubject('runner-vm-ready', 'EVENTS', 17)).toBe('dead.runner-vm-ready.EVENTS.17');
});
