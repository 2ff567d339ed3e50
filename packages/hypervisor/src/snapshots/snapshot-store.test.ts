import { link, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cache, cacheAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { files } from '../drivers/qemu/command-line.ts';
import { linkSnapshot, manifestName, markUsed, readSnapshot, removeUnused, snapshotFolder } from './snapshot-store.ts';

const keys = ['a', 'b', 'c'].map((letter) => letter.repeat(32));
const [oldest = '', middle = '', newest = ''] = keys;

/** Three snapshots, used one after another. */
async function lendCache() {
  const folder = await makeTempFolder('snapshots');
  const cache = cacheAt(folder.path);
  for (const [n, key] of keys.entries()) await makeSnapshot(cache, key, n);
  return { cache, folder: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function makeSnapshot(cache: Cache, key: string, usedAt: number): Promise<void> {
  const folder = snapshotFolder(cache, key);
  await mkdir(folder, { recursive: true });
  for (const file of Object.values(files)) await writeFile(join(folder, file), key);
  const manifest = {
    imageFingerprint: 'f',
    size: { cpus: 1, memoryMiB: 128, diskMiB: 512 },
    user: 'root',
    hostKey: 'ssh-ed25519 AAAA',
    loginKey: 'secret',
    createdAt: new Date().toISOString(),
    timings: { bootMs: 1, freezeMs: 1 },
  };
  await writeFile(join(folder, manifestName), JSON.stringify(manifest));
  await utimes(join(folder, manifestName), usedAt, usedAt);
}

async function keysIn(cache: Cache): Promise<string[]> {
  return (await readdir(cache.snapshots)).sort();
}

test('the least recently used snapshots go, and nothing of them stays', async () => {
  await using lent = await lendCache();
  await removeUnused(lent.cache, 2);
  expect(await keysIn(lent.cache)).toEqual([middle, newest]);
});

test('using a snapshot keeps it', async () => {
  await using lent = await lendCache();
  const snapshot = await readSnapshot(lent.cache, oldest);
  if (snapshot !== null) await markUsed(snapshot);
  await removeUnused(lent.cache, 1);
  expect(await keysIn(lent.cache)).toEqual([oldest]);
});

test('a snapshot that a VM holds stays, whatever the limit', async () => {
  await using lent = await lendCache();
  await link(join(snapshotFolder(lent.cache, oldest), files.memory), join(lent.folder, 'memory of a VM'));
  await removeUnused(lent.cache, 1);
  expect(await keysIn(lent.cache)).toEqual([oldest, newest]);
});

test('a VM gets all files of a snapshot, or is told that it has gone', async () => {
  await using lent = await lendCache();
  const snapshot = await readSnapshot(lent.cache, oldest);
  if (snapshot === null) throw new Error('unreachable: it was just made');
  const [whole, gone] = [join(lent.folder, 'whole'), join(lent.folder, 'gone')];
  for (const folder of [whole, gone]) await mkdir(folder);
  expect(await linkSnapshot(snapshot, whole)).toBe(true);
  expect((await readdir(whole)).sort()).toEqual(Object.values(files).sort());
  await mkdir(join(lent.folder, 'other'));
  expect(await linkSnapshot({ ...snapshot, folder: join(lent.folder, 'other') }, gone)).toBe(false);
});

test('a cache without snapshots has none', async () => {
  await using folder = await makeTempFolder('snapshots');
  await removeUnused(cacheAt(folder.path), 1);
  expect(await readSnapshot(cacheAt(folder.path), oldest)).toBeNull();
});
