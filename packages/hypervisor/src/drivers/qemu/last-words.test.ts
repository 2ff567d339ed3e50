import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { lastWords } from './start-qemu.ts';

test('the last words of a log of any size are its end', async () => {
  await using folder = await makeTempFolder('last-words');
  const logs = { console: join(folder.path, 'console.log'), qemu: join(folder.path, 'qemu.log') };
  await writeFile(logs.console, 'ü'.repeat(3_000));
  await using qemu = await open(logs.qemu, 'w');
  // A file of holes: as large as what a guest can make QEMU complain of in a night.
  await qemu.write('the end\n', 8 * 1024 ** 3);
  const words = await lastWords(logs);
  expect(words).toContain('the end');
  expect(words.length).toBeLessThan(10_000);
});

test('no log has no last words', async () => {
  await using folder = await makeTempFolder('last-words');
  expect(await lastWords({ console: join(folder.path, 'a'), qemu: join(folder.path, 'b') })).toBe('');
});
