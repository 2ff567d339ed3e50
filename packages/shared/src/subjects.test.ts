import { sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import {
  deadSubject,
  eventsOf,
  logSubject,
  logSubjects,
  retryDueSubject,
  subjectMatches,
  taskOfCompleted,
  taskOfRetryDue,
  taskSubject,
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
  expect(subjectMatches(logSubjects(task), logSubject(task, 2, 'stderr', 'host-1'))).toBe(true);
  expect(subjectMatches(logSubjects(task), logSubject(other, 2, 'stderr', 'host-1'))).toBe(false);
  const chosen = (subject: string) => subjectMatches(eventsOf(key), subject);
  for (const host of ['any', 'host-1', 'host-2']) expect(chosen(taskSubject('task.completed', key, host))).toBe(true);
  expect(chosen(taskSubject('task.completed', { pool: 'default', task: other }, 'any'))).toBe(false);
  expect(chosen(taskSubject('task.completed', { pool: 'other', task }, 'any'))).toBe(false);
  // It is beside the course of the task.
  expect(chosen(taskSubject('task.setup.done', key, 'host-1'))).toBe(false);
});

test('a timer that is due names its task, and nothing else does', () => {
  const key = { pool: 'default', task: sampleTask() };
  expect(taskOfRetryDue(retryDueSubject(key, 'host-1'))).toEqual({ ...key, host: 'host-1' });
  for (const other of [`due.retry.default.x.any`, `due.ttl.default.${key.task}.any`, `due.retry.default.${key.task}`]) {
    expect(taskOfRetryDue(other)).toBeNull();
  }
});

test("a task's end names the task, and nothing else does", () => {
  const task = sampleTask();
  expect(taskOfCompleted(`task.completed.default.${task}.host-1`)).toBe(task);
  for (const other of [
    `task.created.default.${task}.any`,
    'task.completed.default.x.any',
    `task.completed.default.${task}`,
  ]) {
    expect(taskOfCompleted(other)).toBeNull();
  }
});

test('a dead letter is named after who could not handle which message, and where', () => {
  expect(deadSubject('runner-host-1', 'EVENTS', 17, 'host-1')).toBe('dead.runner-host-1.EVENTS.17.host-1');
});
