import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startSshGuest } from '@vm-task/testing/ssh-guest';
import { expect, test } from 'vitest';
import { connect } from '../connect.ts';
import { type GivenFile, placeFiles } from './place-files.ts';

const never = new AbortController().signal;

function file(path: string, ...chunks: (string | Buffer)[]): GivenFile {
  return {
    path,
    executable: false,
    async *content() {
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
  };
}

test('files are there byte for byte, in folders of any name, and a second time changes nothing', async () => {
  await using guest = await startSshGuest();
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  const bytes = Buffer.from(Array.from({ length: 600_000 }, (_, at) => at % 251));
  const files = [file('one/垃圾 "x"/a.bin', bytes, bytes), file('one/b', ''), file('two/0/b', 'text')];
  const request = { folder: 'given', by: '7', signal: never };
  const folder = await placeFiles(connection, { ...request, files });
  expect(folder).toBe(join(guest.home, 'given'));
  expect(readFileSync(join(folder, 'one/垃圾 "x"/a.bin')).equals(Buffer.concat([bytes, bytes]))).toBe(true);
  expect(readFileSync(join(folder, 'one/b'), 'utf8')).toBe('');
  writeFileSync(join(folder, 'two/0/b'), 'the task was here');
  expect(await placeFiles(connection, { ...request, by: '9', files })).toBe(folder);
  expect(readFileSync(join(folder, 'two/0/b'), 'utf8')).toBe('the task was here');
  expect(readdirSync(guest.home).filter((name) => name.startsWith('given'))).toEqual(['given']);
});

test('the folder appears with all of its files: what was cut short is done again', async () => {
  await using guest = await startSshGuest();
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  mkdirSync(join(guest.home, 'given.7/one'), { recursive: true });
  writeFileSync(join(guest.home, 'given.7/one/a'), 'longer than what it is to be');
  const broken: GivenFile = {
    path: 'one/b',
    executable: false,
    async *content() {
      yield Buffer.from('half');
      throw new Error('the store has gone');
    },
  };
  const request = { folder: 'given', by: '7', signal: never };
  await expect(placeFiles(connection, { ...request, files: [file('one/a', 'a'), broken] })).rejects.toThrow('has gone');
  expect(existsSync(join(guest.home, 'given'))).toBe(false);
  await placeFiles(connection, { ...request, files: [file('one/a', 'a'), file('one/b', 'b')] });
  expect(readFileSync(join(guest.home, 'given/one/a'), 'utf8')).toBe('a');
  expect(readFileSync(join(guest.home, 'given/one/b'), 'utf8')).toBe('b');
});

test('a path that leads out is refused before anything is written', async () => {
  await using guest = await startSshGuest();
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  for (const path of ['../up', 'a/../../up', '/etc/x', 'a//b', './a', 'a/', 'a\0b', '']) {
    const placing = placeFiles(connection, {
      folder: 'given',
      by: '7',
      files: [file('ok', 'x'), file(path, 'x')],
      signal: never,
    });
    await expect(placing).rejects.toMatchObject({ code: 'artifact-refused' });
  }
  expect(readdirSync(guest.home).filter((name) => name.startsWith('given'))).toEqual([]);
});
