/** What is said of patterns and names that bring nothing, and what a file keeps beside its bytes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, type GuestConnection } from '../connect.ts';
import { never } from '../test-job.ts';
import { collectArtifacts } from './collect.ts';
import { placeFiles } from './place-files.ts';

const limits = { maxFiles: 10, maxBytes: 1_000_000 };

let guest: SshGuest;
let connection: GuestConnection;
let cwd: string;

beforeEach(async () => {
  guest = await startSshGuest();
  connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  cwd = join(guest.home, 'work');
  mkdirSync(join(cwd, 'out'), { recursive: true });
});

afterEach(async () => {
  await connection[Symbol.asyncDispose]();
  await guest[Symbol.asyncDispose]();
});

async function collect(patterns: readonly string[], over = connection) {
  const executable: Record<string, boolean> = {};
  const report = await collectArtifacts(over, { cwd: 'work', patterns, limits, signal: never }, async (file) => {
    for await (const _ of file.content);
    executable[file.path] = file.executable;
  });
  return { ...report, paths: report.collected.map(({ path }) => path).sort(), executable };
}

/** In the shell, because Node knows names in UTF-8 only. */
function shell(script: string): void {
  execFileSync('sh', ['-euc', script], { cwd });
}

test('each pattern that brought nothing is named, with what is there in its place', async () => {
  shell('mkdir report build sub sub/deep; : > report/a; : > build/b; : > sub/deep/c; : > out/.env; : > found');
  const patterns = ['found', 'report', './build/', 'sub/*', 'missing/*.xml', 'out/*', 'report/**'];
  const { unmatched, paths } = await collect(patterns);
  expect(paths).toEqual(['found', 'report/a']);
  expect(unmatched).toEqual([
    { pattern: 'report', found: 'folder' },
    { pattern: './build/', found: 'folder' },
    { pattern: 'sub/*', found: 'folder' },
    { pattern: 'missing/*.xml', found: 'nothing' },
    { pattern: 'out/*', found: 'hidden' },
  ]);
});

test('a pattern whose only match was refused has matched, and one that was not looked for to the end is not named', async () => {
  shell('mkfifo out/fifo; cd out; for i in 1 2 3 4 5 6 7 8 9 10 11; do : > $i.txt; done');
  const { unmatched, refused } = await collect(['out/fifo']);
  expect({ unmatched, refused: refused.length }).toEqual({ unmatched: [], refused: 1 });
  expect(await collect(['out/*.txt', 'zzz'])).toMatchObject({ unmatched: [], refused: [{ reason: /more than 10/ }] });
});

test('a name that is not UTF-8 is refused with what to do, and all others are collected', async () => {
  shell(
    `printf j > "$(printf 'out/latin\\374.txt')"; printf k > out/ok.txt; printf l > "$(printf 'out/real\\357\\277\\275.txt')"`,
  );
  shell(
    `mkdir "$(printf 'out/ordner\\344')"; : > "$(printf 'out/ordner\\344/x')"; ln -s ok.txt "$(printf 'out/link\\374')"`,
  );
  const { paths, refused } = await collect(['out/**']);
  expect(paths).toEqual(['out/ok.txt', 'out/real\ufffd.txt']);
  expect(refused.map(({ path }) => path).sort()).toEqual(['out/latin\ufffd.txt', 'out/link\ufffd', 'out/ordner\ufffd']);
  for (const { reason } of refused) expect(reason).toMatch(/not UTF-8.*rename/);
});

test('a folder that may not be read is refused, and all else is collected', async () => {
  shell('mkdir out/closed; : > out/ok; chmod 0 out/closed');
  // Root reads everything.
  const user = guest.access.user === 'root' ? 'nobody' : guest.access.user;
  chmodSync(join(guest.home, '..'), 0o755);
  await using other = await connect({ ...guest.access, user }, { privateKey: guest.privateKey, signal: never });
  const { paths, refused } = await collect(['out/**'], other);
  shell('chmod 700 out/closed');
  expect({ paths, refused }).toMatchObject({ paths: ['out/ok'], refused: [{ path: 'out/closed' }] });
});

test('a file that may be executed is one that may be executed, also behind a link', async () => {
  writeFileSync(join(cwd, 'out/tool'), '#!/bin/sh\n');
  writeFileSync(join(cwd, 'out/text'), 'text');
  chmodSync(join(cwd, 'out/tool'), 0o755);
  symlinkSync('tool', join(cwd, 'out/link'));
  const { executable } = await collect(['out/*']);
  expect(executable).toEqual({ 'out/tool': true, 'out/text': false, 'out/link': true });
});

test('a file that is given may be executed where it could be', async () => {
  const content = async function* () {
    yield Buffer.from('#!/bin/sh\necho ran\n');
  };
  const files = [
    { path: 'tool', content, executable: true },
    { path: 'text', content, executable: false },
  ];
  const folder = await placeFiles(connection, { folder: 'given', by: '1', files, signal: never });
  expect(execFileSync(join(folder, 'tool'), { encoding: 'utf8' })).toBe('ran\n');
  expect(statSync(join(folder, 'text')).mode & 0o111).toBe(0);
});
