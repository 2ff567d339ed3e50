import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homeAt } from '@vm-task/shared/home';
import { samplePipeline } from '@vm-task/testing/sample-events';
import { claimedVm, warmVm } from '@vm-task/testing/sample-states';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { KnownFolders } from './known-folders.ts';
import {
  closeFolder,
  openFolder,
  readState,
  readStates,
  updateRecord,
  writeClaim,
  writeEnded,
  writeNextClaim,
  writeReady,
} from './ledger.ts';
import { writeQuarantine } from './quarantine.ts';

/** As after some time in which nothing has changed. */
async function rest(path: string): Promise<void> {
  const past = new Date(Date.now() - 60_000);
  await utimes(path, past, past);
}

async function lendFolders() {
  const { path, ...folder } = await makeTempFolder('folders');
  const read: string[] = [];
  const known = new KnownFolders(
    (name: string) => join(path, name),
    async (name) => {
      read.push(name);
      return `${name} ${read.length}`;
    },
  );
  return { path, read, known, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

test('a folder that rests is read once, and again when an entry of it comes, goes or is replaced', async () => {
  await using lent = await lendFolders();
  const folder = join(lent.path, 'a');
  await mkdir(folder);
  const changes = [
    () => writeFile(join(folder, 'file'), 'x'),
    () => writeFile(join(folder, 'draft'), 'y'),
    () => rename(join(folder, 'draft'), join(folder, 'file')),
    () => rm(join(folder, 'file')),
  ];
  for (const [index, change] of changes.entries()) {
    await rest(folder);
    const first = await lent.known.get('a');
    expect([first, await lent.known.get('a')]).toEqual([`a ${index * 2 + 1}`, first]);
    await change();
    expect(await lent.known.get('a')).toBe(`a ${index * 2 + 2}`);
  }
});

test('what has changed a moment ago is read again: the next change may bear the same time', async () => {
  await using lent = await lendFolders();
  await mkdir(join(lent.path, 'a'));
  await lent.known.get('a');
  await lent.known.get('a');
  expect(lent.read).toEqual(['a', 'a']);
});

test('a folder that is not there is asked for, and one that was forgotten is read again', async () => {
  await using lent = await lendFolders();
  await lent.known.get('gone');
  await mkdir(join(lent.path, 'a'));
  await rest(join(lent.path, 'a'));
  await lent.known.get('a');
  lent.known.keepOnly(['b']);
  await lent.known.get('a');
  expect(lent.read).toEqual(['gone', 'a', 'a']);
});

test('a folder that could not be read is read again', async () => {
  await using folder = await makeTempFolder('folders');
  await mkdir(join(folder.path, 'a'));
  await rest(join(folder.path, 'a'));
  let tries = 0;
  const known = new KnownFolders(
    () => join(folder.path, 'a'),
    async () => {
      tries += 1;
      if (tries === 1) throw new Error('no');
      return 'read';
    },
  );
  await expect(known.get('a')).rejects.toThrow('no');
  expect(await known.get('a')).toBe('read');
});

test('the list shows each step of a VM at once, however long it rested before', async () => {
  await using folder = await makeTempFolder('ledger');
  const home = homeAt(folder.path);
  const { record, ready } = warmVm();
  const { vm } = record;
  const keep = { pipeline: samplePipeline(), stage: 'build' };
  const left = { kind: 'process' as const, what: '4711', why: 'still in state D' };
  const [first, second] = [claimedVm({ keep }).claim, claimedVm().claim];
  const steps = [
    () => openFolder(home, record),
    () => updateRecord(home, { ...record, process: { pid: 4_711, startTicks: 12 } }),
    () => writeReady(home, vm, ready),
    () => writeClaim(home, vm, first),
    () => writeNextClaim(home, vm, first.task, second),
    () => writeEnded(home, vm, 'its task is over'),
    () => writeQuarantine(home, vm, [left]),
    () => closeFolder(home, vm),
    () => openFolder(home, record),
  ];
  for (const step of steps) {
    await step();
    const listed = await readStates(home);
    expect(listed).toEqual([await readState(home, vm)].filter((state) => state !== null));
    if (listed.length > 0) await rest(home.vm(vm).root);
    await readStates(home);
  }
});
