import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, type GuestConnection } from '../connect.ts';
import { type ArtifactLimits, collectArtifacts } from './collect.ts';

const never = new AbortController().signal;
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

async function collected(patterns: readonly string[], limits: Partial<ArtifactLimits> = {}) {
  const files = new Map<string, Buffer>();
  const request = { cwd: 'work', patterns, limits: { maxFiles: 10, maxBytes: 1_000_000, ...limits }, signal: never };
  const report = await collectArtifacts(connection, request, async ({ path, content }) => {
    files.set(path, await bytesOf(content));
  });
  expect(report.collected.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual(
    [...files].slice(0, report.collected.length).map(([path, bytes]) => [path, bytes.length]),
  );
  return { files, refused: report.refused };
}

test('files that match are read byte for byte, those of every depth and of any name', async () => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251));
  mkdirSync(join(cwd, 'out/deep/er'), { recursive: true });
  writeFileSync(join(cwd, 'out/a.bin'), bytes);
  writeFileSync(join(cwd, 'out/deep/er/垃圾 "x".txt'), 'text');
  writeFileSync(join(cwd, 'out/empty.txt'), '');
  writeFileSync(join(cwd, 'other.txt'), 'no');
  const { files, refused } = await collected(['out/*.bin', 'out/**/*.txt']);
  expect(files.get('out/a.bin')?.equals(bytes)).toBe(true);
  expect(files.get('out/deep/er/垃圾 "x".txt')?.toString()).toBe('text');
  expect([...files.keys()].sort()).toEqual(['out/a.bin', 'out/deep/er/垃圾 "x".txt', 'out/empty.txt']);
  expect(refused).toEqual([]);
});

test('links out, links to nothing and what is no file are refused, links inside are read', async () => {
  writeFileSync(join(cwd, 'out/real'), 'inside');
  symlinkSync('real', join(cwd, 'out/link'));
  symlinkSync('/etc/passwd', join(cwd, 'out/passwd'));
  symlinkSync('gone', join(cwd, 'out/nowhere'));
  symlinkSync('../../work2', join(cwd, 'out/up'));
  symlinkSync('/', join(cwd, 'out/slash'));
  execFileSync('mkfifo', [join(cwd, 'out/fifo')]);
  const { files, refused } = await collected(['out/**']);
  expect([...files].map(([path, bytes]) => [path, bytes.toString()]).sort()).toEqual([
    ['out/link', 'inside'],
    ['out/real', 'inside'],
  ]);
  expect(Object.fromEntries(refused.map(({ path, reason }) => [path, reason]))).toEqual({
    'out/passwd': 'it is a link that leads out of the working directory',
    'out/nowhere': 'it is a link that leads nowhere',
    'out/up': 'it is a link that leads out of the working directory',
    'out/slash': 'it is a link that leads out of the working directory',
    'out/fifo': 'it is no regular file',
  });
});

test('a sparse terabyte is refused by its size, and one file too many by the count', async () => {
  writeFileSync(join(cwd, 'out/huge'), '');
  truncateSync(join(cwd, 'out/huge'), 1e12);
  for (let i = 0; i < 5; i++) writeFileSync(join(cwd, `out/${i}.txt`), 'x');
  const huge = await collected(['out/huge']);
  expect(huge.refused).toEqual([
    {
      path: 'out/huge',
      reason: expect.stringContaining('1000000 are left of the 1000000 that all artifacts together may have'),
    },
  ]);
  const many = await collected(['out/*.txt'], { maxFiles: 3 });
  expect(many.files.size).toBe(3);
  expect(many.refused).toMatchObject([{ reason: expect.stringContaining('more than 3 files match') }]);
});

test('a file that grows while it is read is cut off at the limit', async () => {
  const file = join(cwd, 'out/growing');
  writeFileSync(file, 'small');
  const request = { cwd: 'work', patterns: ['out/*'], limits: { maxFiles: 1, maxBytes: 100_000 }, signal: never };
  const report = await collectArtifacts(connection, request, async ({ sizeBytes, content }) => {
    expect(sizeBytes).toBe(5);
    writeFileSync(file, Buffer.alloc(1_000_000));
    await bytesOf(content);
  });
  expect(report).toMatchObject({
    collected: [],
    refused: [{ path: 'out/growing', reason: expect.stringContaining('more bytes than') }],
  });
});

test('a pattern that leads upwards is an error before anything is read', async () => {
  await expect(collected(['../*'])).rejects.toThrowError(expect.objectContaining({ code: 'artifact-refused' }));
});

test('a cut connection is told as such', async () => {
  for (let i = 0; i < 5; i++) writeFileSync(join(cwd, `out/${i}.txt`), 'x');
  const request = { cwd: 'work', patterns: ['out/*'], limits: { maxFiles: 10, maxBytes: 100 }, signal: never };
  const cut = collectArtifacts(connection, request, async () => guest.dropConnections());
  await expect(cut).rejects.toThrowError(expect.objectContaining({ code: 'ssh-lost' }));
});

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
