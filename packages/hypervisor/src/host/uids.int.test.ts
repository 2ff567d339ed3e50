import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { thisProcess } from '../ledger/process-ref.ts';
import { releaseUids, reserveUid, type UidRange } from './uids.ts';

/** Nobody's on any machine. */
const base = 4_000_000_000;

async function lendRange(count: number) {
  const temp = await makeTempFolder('uids');
  const range: UidRange = { folder: join(temp.path, 'uids'), base, count };
  const gone = { pid: 2 ** 22 - 1, startTicks: 1 };
  const leave = (uid: number, purpose: string, by = gone) =>
    writeFile(join(range.folder, String(uid)), JSON.stringify({ for: purpose, by }));
  await mkdir(range.folder);
  return { temp: temp.path, range, leave, [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose]() };
}

test('two homes that want one uid get two, and what one releases the other may have', async () => {
  await using lent = await lendRange(4);
  expect(await reserveUid(lent.range, 1, '/home/a/vms/x')).toBe(base + 1);
  expect(await reserveUid(lent.range, 1, '/home/b/vms/x')).toBe(base + 2);
  await releaseUids('/home/a/vms/x', lent.range.folder);
  expect(await reserveUid(lent.range, 1, '/home/b/vms/y')).toBe(base + 1);
});

test('of many who reserve at once, no two get the same, and who comes too late is told where to look', async () => {
  await using lent = await lendRange(16);
  const all = await Promise.all([...Array(16).keys()].map((n) => reserveUid(lent.range, 7, `/home/vms/${n}`)));
  expect(new Set(all).size).toBe(16);
  await expect(reserveUid(lent.range, 7, '/home/vms/late')).rejects.toThrow(`every uid from ${base} to ${base + 15}`);
  expect((await readdir(lent.range.folder)).filter((name) => name.startsWith('.new-'))).toEqual([]);
});

test('a reservation of somebody who died is taken over once what it was for is gone', async () => {
  await using lent = await lendRange(2);
  const vm = join(lent.temp, 'vm');
  await mkdir(vm);
  await lent.leave(base, vm);
  expect(await reserveUid(lent.range, 0, '/home/vms/a')).toBe(base + 1);
  await rm(vm, { recursive: true });
  expect(await reserveUid(lent.range, 0, '/home/vms/b')).toBe(base);
});

test('it is not taken over while who made it is there, nor while any process has the uid', async () => {
  await using lent = await lendRange(2);
  await lent.leave(base, '/not/there/yet', thisProcess());
  expect(await reserveUid(lent.range, 0, '/home/vms/a')).toBe(base + 1);
  const ours = { ...lent.range, base: process.getuid?.() ?? 0, count: 1 };
  await lent.leave(ours.base, '/long/gone');
  await expect(reserveUid(ours, 0, '/home/vms/b')).rejects.toThrow('is reserved');
});

test('of several who take one over at once, one has it', async () => {
  await using lent = await lendRange(8);
  for (const n of Array(8).keys()) await lent.leave(base + n, '/gone');
  const all = await Promise.all([...Array(8).keys()].map((n) => reserveUid(lent.range, 0, `/home/vms/${n}`)));
  expect(new Set(all).size).toBe(8);
});
