import { createHash } from 'node:crypto';
import { appendFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { checkProgram } from './program-record.ts';

/** A program that was set up: a link on the PATH, the program elsewhere, its hash beside it as `sha256sum` prints it. */
async function setUp(folder: string) {
  await mkdir(join(folder, 'bin'));
  const program = join(folder, 'server');
  await writeFile(program, '#!/bin/sh\n', { mode: 0o755 });
  await symlink(program, join(folder, 'bin', 'server'));
  const hash = createHash('sha256').update('#!/bin/sh\n').digest('hex');
  await writeFile(`${program}.sha256`, `${hash}  ${program}\n`);
  return { program, path: [join(folder, 'none'), join(folder, 'bin')].join(delimiter) };
}

test('a program with the hash that was recorded is itself', async () => {
  await using folder = await makeTempFolder('record');
  const { program, path } = await setUp(folder.path);
  expect(await checkProgram('server', path)).toMatchObject({ program, takenAt: expect.any(Date) });
});

test('one byte more is an error that names the program and what to do', async () => {
  await using folder = await makeTempFolder('record');
  const { program, path } = await setUp(folder.path);
  await appendFile(program, '#');
  const refused = checkProgram('server', path);
  await expect(refused).rejects.toMatchObject({ code: 'program-altered' });
  await expect(refused).rejects.toThrow(`${program} has the hash`);
  await expect(refused).rejects.toThrow('remove both');
});

test('an empty record is not the hash of anything', async () => {
  await using folder = await makeTempFolder('record');
  const { program, path } = await setUp(folder.path);
  await writeFile(`${program}.sha256`, '');
  await expect(checkProgram('server', path)).rejects.toMatchObject({ code: 'program-altered' });
});

test("a program of the machine, which has no record, is the machine's business", async () => {
  await using folder = await makeTempFolder('record');
  await writeFile(join(folder.path, 'server'), '', { mode: 0o755 });
  expect(await checkProgram('server', folder.path)).toBeNull();
  expect(await checkProgram('none', folder.path)).toBeNull();
});
