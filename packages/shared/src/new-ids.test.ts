import { expect, test } from 'vitest';
import { parseTaskId, parseVmId } from './ids.ts';
import { newTaskId, newVmId, taskIdFromCause } from './new-ids.ts';

const now = Date.UTC(2026, 6, 1, 12);

test('the same cause at the same time is the same task, any other one is another', () => {
  const id = taskIdFromCause(now, 'command', '17');
  expect(taskIdFromCause(now, 'command', '17')).toBe(id);
  const others = [
    taskIdFromCause(now, 'command', '18'),
    taskIdFromCause(now, 'command', '1', '7'),
    taskIdFromCause(now, 'comman', 'd17'),
    taskIdFromCause(now + 1, 'command', '17'),
    taskIdFromCause(now, 'command', '17', ''),
  ];
  expect(new Set([id, ...others]).size).toBe(6);
});

test('ids of tasks begin with their time, so they sort by it', () => {
  const hex = now.toString(16).padStart(12, '0');
  expect(newTaskId(now).replaceAll('-', '').slice(0, 12)).toBe(hex);
  expect(taskIdFromCause(now, 'x').replaceAll('-', '').slice(0, 12)).toBe(hex);
  expect([newTaskId(now + 5), newTaskId(now)].sort()[0]).toMatch(new RegExp(`^${hex.slice(0, 8)}`));
});

test('whatever time and cause, the id has the form that is checked everywhere', () => {
  for (const time of [0, -1, 1.5, now, 2 ** 48 - 1]) {
    parseTaskId(taskIdFromCause(time, '垃圾域名'));
    parseTaskId(newTaskId(time));
    parseVmId(newVmId(time));
  }
});

test('a thousand ids of one moment are a thousand ids', () => {
  const ids = Array.from({ length: 1_000 }, () => newTaskId(now));
  expect(new Set(ids).size).toBe(1_000);
});
