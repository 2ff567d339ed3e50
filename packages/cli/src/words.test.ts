import { expect, test } from 'vitest';
import { wordsProblem } from './words.ts';

const commandLine = (...words: Buffer[]) => Buffer.concat(words.flatMap((word) => [word, Buffer.of(0)]));

test('words of UTF-8 are taken, a mark of replacement among them', () => {
  const words = ['node', 'vm-task', 'run', '--', 'echo', '\ufffd 垃圾'];
  expect(wordsProblem(words, () => commandLine(...words.map((word) => Buffer.from(word))))).toBeNull();
});

test('a word with other bytes is named by its place', () => {
  const bytes = [Buffer.from('node'), Buffer.from('vm-task'), Buffer.from('run'), Buffer.of(0x61, 0xfc)];
  const words = bytes.map(String);
  expect(wordsProblem(words, () => commandLine(...bytes))).toBe(
    'word 2 of the command line cannot be taken: it has to be UTF-8, and is not from byte 2 on (fc)',
  );
});

test('where nothing was replaced the bytes are not asked for', () => {
  const never = () => {
    throw new Error('asked');
  };
  expect(wordsProblem(['node', 'vm-task', 'list'], never)).toBeNull();
});
