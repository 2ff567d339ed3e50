import { expect, test } from 'vitest';
import { newTaskId, newVmId, parseName, parseTaskId, parseVmId, taskIdFromCause } from './ids.ts';

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

const hostile = [
  '',
  '*',
  '>',
  '.',
  '..',
  '../../etc',
  'a b',
  ' a',
  'a\n',
  'a\r\nPUB x 0',
  'a\0b',
  '$(reboot)',
  '`id`',
  "'",
  '-a',
  'a-',
  'a.b',
  'a/b',
  'A',
  'ä',
  '域名',
  'x'.repeat(33),
  'x'.repeat(5_000),
];

test.each(hostile)('%j is no name and no id', (text) => {
  expect(() => parseName('pool', text)).toThrow(/is not a pool name: 1 to 32 of a-z, 0-9 and inner dashes/);
  expect(() => parseTaskId(text)).toThrow(/is not a task id/);
  expect(() => parseVmId(text)).toThrow(/is not a VM id/);
});

test('ids of tasks and VMs are not taken for each other, nor in another case, nor with anything around them', () => {
  const [task, vm] = [newTaskId(now), newVmId(now)];
  expect(() => parseTaskId(vm)).toThrow();
  expect(() => parseVmId(task)).toThrow();
  for (const text of [`${task}\n`, ` ${task}`, `${task}.x`, task.replace(/-7/, '-4')]) {
    expect(() => parseTaskId(text)).toThrow();
  }
  expect(() => parseTaskId(`${task.slice(0, -1)}F`)).toThrow();
});

test.each(['a', '7', 'default', 'kali-2', 'x'.repeat(32), 'a--b'])('%j is a name', (text) => {
  expect(parseName('pool', text)).toBe(text);
});

test('an error quotes the beginning of what it refuses, never thousands of characters', () => {
  expect(() => parseTaskId('x'.repeat(5_000))).toThrow(expect.objectContaining({ code: 'invalid-id' }));
  try {
    parseName('pool', '\u001b[31m'.repeat(1_000));
  } catch (error) {
    expect((error as Error).message.length).toBeLessThan(700);
    expect((error as Error).message).not.toContain('\u001b');
  }
});
