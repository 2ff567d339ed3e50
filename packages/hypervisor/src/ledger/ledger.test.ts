import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homeAt } from '@vm-task/shared/home';
import { samplePipeline } from '@vm-task/testing/sample-events';
import { claimedVm, warmVm } from '@vm-task/testing/sample-states';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import {
  closeFolder,
  openFolder,
  readState,
  readStates,
  readVms,
  strayFolders,
  updateRecord,
  writeClaim,
  writeEnded,
  writeNextClaim,
  writeReady,
} from './ledger.ts';
import { writeQuarantine } from './quarantine.ts';

const { claim } = claimedVm();

async function lendLedger() {
  const folder = await makeTempFolder('ledger');
  const home = homeAt(folder.path);
  const { record, ready } = warmVm();
  await openFolder(home, record);
  return { home, record, ready, vm: record.vm, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test('the phase follows from which files are there', async () => {
  await using lent = await lendLedger();
  const { home, vm, record, ready } = lent;
  expect(await readState(home, vm)).toEqual({ phase: 'creating', record });
  await writeReady(home, vm, ready);
  expect(await readState(home, vm)).toEqual({ phase: 'ready', record, ready });
  expect(await writeClaim(home, vm, claim)).toBe(true);
  expect(await readState(home, vm)).toEqual({ phase: 'claimed', record, ready, claim });
  await writeEnded(home, vm, 'its task is over');
  const ended = { reason: 'its task is over', since: expect.anything() };
  expect(await readState(home, vm)).toEqual({ phase: 'ending', record, ended, claim, quarantine: null });
  await closeFolder(home, vm);
  expect(await readState(home, vm)).toBeNull();
  expect(await readdir(home.vms)).toEqual([]);
});

test('the record is rewritten as a whole, and nothing else lies about', async () => {
  await using lent = await lendLedger();
  const process = { pid: 4_711, startTicks: 12 };
  await updateRecord(lent.home, { ...lent.record, process });
  expect(await readState(lent.home, lent.vm)).toEqual({ phase: 'creating', record: { ...lent.record, process } });
  expect(await readdir(lent.home.vm(lent.vm).root)).toEqual(['vm.json']);
});

test('only a ready VM can be claimed, and only once', async () => {
  await using lent = await lendLedger();
  const { home, vm, ready } = lent;
  expect(await writeClaim(home, vm, claim)).toBe(false);
  await writeReady(home, vm, ready);
  const claims = await Promise.all(Array.from({ length: 20 }, () => writeClaim(home, vm, claim)));
  expect(claims.filter(Boolean)).toHaveLength(1);
  expect(await readdir(home.vm(vm).root)).toEqual(['claim.json', 'ready.json', 'vm.json']);
});

test('a VM that is going, or has gone, cannot be claimed', async () => {
  await using lent = await lendLedger();
  const { home, vm, ready } = lent;
  await writeReady(home, vm, ready);
  await writeEnded(home, vm, 'too old');
  expect(await writeClaim(home, vm, claim)).toBe(false);
  await closeFolder(home, vm);
  expect(await writeClaim(home, vm, claim)).toBe(false);
});

test('a VM that its task keeps goes from one to the next, to exactly one each time', async () => {
  await using lent = await lendLedger();
  const { home, vm, ready } = lent;
  const keep = { pipeline: samplePipeline(), stage: 'build' };
  const [first, second, third] = [claimedVm({ keep }).claim, claimedVm({ keep }).claim, claimedVm().claim];
  await writeReady(home, vm, ready);
  expect(await writeNextClaim(home, vm, first.task, second)).toBe(false);
  await writeClaim(home, vm, first);
  const tries = Array.from({ length: 20 }, () => writeNextClaim(home, vm, first.task, second));
  expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
  expect(await readState(home, vm)).toMatchObject({ phase: 'claimed', claim: second });
  // Who comes late, and who was never meant.
  expect(await writeNextClaim(home, vm, first.task, third)).toBe(false);
  expect(await writeNextClaim(home, vm, second.task, third)).toBe(true);
  expect(await writeNextClaim(home, vm, third.task, first)).toBe(false);
  expect(await readdir(home.vm(vm).root)).toEqual([
    'claim-2.json',
    'claim-3.json',
    'claim.json',
    'ready.json',
    'vm.json',
  ]);
  await writeEnded(home, vm, 'its task is over');
  expect(await readState(home, vm)).toMatchObject({ phase: 'ending', claim: third });
});

test('a kept VM that is going goes to nobody', async () => {
  await using lent = await lendLedger();
  const { home, vm, ready } = lent;
  const first = claimedVm({ keep: { pipeline: samplePipeline(), stage: 'build' } }).claim;
  await writeReady(home, vm, ready);
  await writeClaim(home, vm, first);
  await writeEnded(home, vm, 'its deadline has passed');
  expect(await writeNextClaim(home, vm, first.task, claim)).toBe(false);
  expect(await readState(home, vm)).toMatchObject({ phase: 'ending', claim: first });
});

test('the first reason for an end stays', async () => {
  await using lent = await lendLedger();
  await writeEnded(lent.home, lent.vm, 'first');
  await writeEnded(lent.home, lent.vm, 'second');
  expect(await readState(lent.home, lent.vm)).toMatchObject({ ended: { reason: 'first' } });
});

test('a record that a removal took away meanwhile cannot be rewritten', async () => {
  await using lent = await lendLedger();
  await closeFolder(lent.home, lent.vm);
  await closeFolder(lent.home, lent.vm);
  await expect(updateRecord(lent.home, lent.record)).rejects.toThrow('ENOENT');
});

test('what a power cut tore apart is as good as absent', async () => {
  await using lent = await lendLedger();
  const { home, vm, record, ready } = lent;
  await writeReady(home, vm, ready);
  await truncate(home.vm(vm).ready, 10);
  expect(await readState(home, vm)).toEqual({ phase: 'creating', record });
  await truncate(home.vm(vm).record, 0);
  expect(await readState(home, vm)).toBeNull();
  expect(await strayFolders(home)).toEqual([{ path: home.vm(vm).root, vm }]);
});

test('a record of a version that is not known is refused, not guessed at, and hides no other VM', async () => {
  await using lent = await lendLedger();
  const { home, vm, record } = lent;
  const other = warmVm().record;
  await openFolder(home, other);
  await writeFile(home.vm(vm).record, JSON.stringify({ ...record, version: 2 }));
  await expect(readState(home, vm)).rejects.toMatchObject({ code: 'ledger-unreadable' });
  expect((await readStates(home)).map((state) => state.record.vm)).toEqual([other.vm]);
  const unreadable = (await readVms(home)).filter((found) => 'why' in found);
  expect(unreadable).toEqual([{ vm, why: expect.stringContaining(home.vm(vm).record) }]);
  expect(await strayFolders(home)).toEqual([]);
});

test('what a newer version has added to the files of a VM is passed over, and the record keeps it', async () => {
  await using lent = await lendLedger();
  const { home, vm, record, ready } = lent;
  const added = async (path: string) => {
    const value = JSON.parse(await readFile(path, 'utf8')) as object;
    const deadline = 'deadline' in value ? { deadline: { ...(value.deadline as object), novel: 1 } } : {};
    await writeFile(path, JSON.stringify({ ...value, ...deadline, novel: { is: 'new' } }));
  };
  const folder = home.vm(vm);
  await writeReady(home, vm, ready);
  await writeClaim(home, vm, claim);
  for (const path of [folder.record, folder.ready, folder.claim(1)]) await added(path);
  const known = { ...record, novel: { is: 'new' } };
  expect(await readState(home, vm)).toEqual({ phase: 'claimed', record: known, ready, claim });
  await writeEnded(home, vm, 'its task is over');
  await writeQuarantine(home, vm, [{ kind: 'process', what: '7', why: 'it stays' }]);
  for (const path of [folder.ended, folder.quarantine]) await added(path);
  const quarantine = JSON.parse(await readFile(folder.quarantine, 'utf8'));
  const left = [{ kind: 'network', what: 'tap7', why: 'it stays' }];
  await writeFile(folder.quarantine, JSON.stringify({ ...quarantine, left }));
  expect(await readState(home, vm)).toMatchObject({ phase: 'ending', claim, quarantine: { tries: 1, left } });
});

test('the oldest VM is listed first, and what is half made or half removed is not listed', async () => {
  await using lent = await lendLedger();
  const { home, record } = lent;
  const later = { ...warmVm().record, vm: 'vm-ffffffff-ffff-7fff-bfff-ffffffffffff' as typeof record.vm };
  await openFolder(home, later);
  const halfMade = `.new-${record.vm}`;
  await mkdir(join(home.vms, halfMade));
  expect((await readStates(home)).map((state) => state.record.vm)).toEqual([record.vm, later.vm]);
  expect(await strayFolders(home)).toEqual([{ path: join(home.vms, halfMade), vm: record.vm }]);
});

test('a home without a VM has no ledger yet', async () => {
  await using folder = await makeTempFolder('ledger');
  expect(await readStates(homeAt(folder.path))).toEqual([]);
  expect(await strayFolders(homeAt(folder.path))).toEqual([]);
});
