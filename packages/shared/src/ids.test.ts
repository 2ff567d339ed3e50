import { expect, test } from 'vitest';
import { parseName, parseTaskId, parseVmId } from './ids.ts';
import { newTaskId, newVmId } from './new-ids.ts';

const now = Date.UTC(2026, 6, 1, 12);

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
