import { homeAt } from '@vm-task/shared/home';
import { newVmId } from '@vm-task/shared/new-ids';
import { eventually } from '@vm-task/testing/conditions';
import { claimedVm, warmVm } from '@vm-task/testing/sample-states';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test, vi } from 'vitest';
import { readJson } from './json-file.ts';
import { closeFolder, openFolder, readVms, writeClaim, writeEnded, writeReady } from './ledger.ts';
import { LedgerReader } from './ledger-reader.ts';

vi.mock('./json-file.ts', { spy: true });

const { claim } = claimedVm();

async function lendReader(count: number) {
  const folder = await makeTempFolder('ledger-reader');
  const home = homeAt(folder.path);
  const { record, ready } = warmVm();
  const vms = Array.from({ length: count }, (_, index) => newVmId(index + 1));
  for (const vm of vms) {
    await openFolder(home, { ...record, vm });
    await writeReady(home, vm, ready);
  }
  return { home, vms, reader: new LedgerReader(home), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function filesReadBy(look: () => Promise<unknown>): Promise<number> {
  vi.mocked(readJson).mockClear();
  await look();
  return vi.mocked(readJson).mock.calls.length;
}

/** True once the last change is long enough ago. */
const settled = (reader: LedgerReader) =>
  eventually(async () => (await filesReadBy(() => reader.vms())) === 0, { what: 'nothing is read any more' });

test('files that have not changed are read once, however many look', async () => {
  await using lent = await lendReader(3);
  const { reader } = lent;
  await settled(reader);
  expect(await filesReadBy(async () => await Promise.all([reader.vms(), reader.vms(), reader.vms()]))).toBe(0);
});

test('of one VM that changes, its files alone are read', async () => {
  await using lent = await lendReader(10);
  const { home, reader, vms } = lent;
  await settled(reader);
  const [vm] = vms;
  if (vm === undefined) throw new Error('there are ten');
  await writeClaim(home, vm, claim);
  // Its record, quarantine, end, claim and readiness.
  expect(await filesReadBy(() => reader.vms())).toBe(5);
});

test('what is written is seen at the next look: a claim, an end, a removal, a new VM', async () => {
  await using lent = await lendReader(2);
  const { home, reader, vms } = lent;
  const [vm] = vms;
  if (vm === undefined) throw new Error('there are two');
  const changes = [
    () => writeClaim(home, vm, claim),
    () => writeEnded(home, vm, 'its task is over'),
    () => closeFolder(home, vm),
    () => openFolder(home, { ...warmVm().record, vm: newVmId(3) }),
  ];
  for (const change of changes) {
    await settled(reader);
    await change();
    expect(await reader.vms()).toEqual(await readVms(home));
  }
});
