/** What carries this home's mark and is in no ledger (I6): what a crash left between two steps. */
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import type { Driver, MarkedProcess } from '../drivers/driver.ts';
import type { Stray } from '../hypervisor.ts';
import { hasRecord, strayFolders } from '../ledger/ledger.ts';
import { type Leftover, notGone } from '../ledger/quarantine.ts';
import { freeSlot, takenSlots } from '../ledger/slots.ts';
import { endProcess } from './end-process.ts';
import { removeTree } from './remove-tree.ts';

/** Those that have processes on this host. */
type OnHost = readonly Pick<Driver, 'strays'>[];

/** A VM that is being made has its slots a moment before its record: whoever removes strays gives them time. */
export async function findStrays(home: Home, drivers: OnHost): Promise<Stray[]> {
  const known = new Map<VmId, Promise<boolean>>();
  const isKnown = (vm: VmId): Promise<boolean> => {
    const answer = known.get(vm) ?? hasRecord(home, vm);
    known.set(vm, answer);
    return answer;
  };
  const unknown = async <T extends { readonly vm: VmId }>(found: readonly T[]): Promise<T[]> => {
    const marked = await Promise.all(found.map(async (item) => ((await isKnown(item.vm)) ? [] : [item])));
    return marked.flat();
  };
  const processes = await unknown(await markedBy(drivers));
  const slots = await unknown(await takenSlots(home));
  const folders = await strayFolders(home);
  return [
    ...processes.map((process) => ({ kind: 'process', ...process }) as const),
    ...folders.map((folder) => ({ kind: 'folder', ...folder }) as const),
    ...slots.map((slot) => ({ kind: 'slot', ...slot }) as const),
  ];
}

/** @throws `vm-not-gone` when it is still there. What got a record meanwhile is no stray, and stays. */
export async function removeStray(home: Home, drivers: OnHost, stray: Stray): Promise<void> {
  const found = await findStrays(home, drivers);
  if (!found.some((other) => other.kind === stray.kind && other.vm === stray.vm)) return;
  // A folder, a slot and the uid that comes with it are in use while a process of the VM is there.
  const processes = found.flatMap((one) => (one.kind === 'process' && one.vm === stray.vm ? [one] : []));
  const left = (await Promise.all(processes.map(endProcess))).flat();
  const all = left.length > 0 ? left : await removeOne(stray);
  if (all.length > 0) throw notGone(stray.vm, all);
}

async function markedBy(drivers: OnHost): Promise<MarkedProcess[]> {
  return (await Promise.all(drivers.map((driver) => driver.strays()))).flat();
}

async function removeOne(stray: Stray): Promise<Leftover[]> {
  switch (stray.kind) {
    case 'process':
      return await endProcess(stray);
    case 'folder':
      return await removeTree(stray.path);
    case 'slot':
      await freeSlot(stray);
      return [];
  }
}
