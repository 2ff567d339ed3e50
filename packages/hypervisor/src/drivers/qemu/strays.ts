/** What carries this home's mark and is in no ledger (I6): what a crash left between two steps. */
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { endProcess } from '../../host/end-process.ts';
import { markedProcesses } from '../../host/marked-process.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { Stray } from '../../hypervisor.ts';
import { hasRecord, strayFolders } from '../../ledger/ledger.ts';
import { type Leftover, notGone } from '../../ledger/quarantine.ts';
import { freeSlot, takenSlots } from '../../ledger/slots.ts';
import { endProcesses } from './end-vm.ts';

/** A VM that is being made has its slots a moment before its record: whoever removes strays gives them time. */
export async function findStrays(home: Home): Promise<Stray[]> {
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
  const processes = await unknown(markedProcesses(home));
  const slots = await unknown(await takenSlots(home));
  const folders = await strayFolders(home);
  return [
    ...processes.map((process) => ({ kind: 'process', ...process }) as const),
    ...folders.map((folder) => ({ kind: 'folder', ...folder }) as const),
    ...slots.map((slot) => ({ kind: 'slot', ...slot }) as const),
  ];
}

/** Thrown when it is still there: `vm-not-gone`. What got a record meanwhile is no stray, and stays. */
export async function removeStray(home: Home, stray: Stray): Promise<void> {
  if (!(await findStrays(home)).some((other) => other.kind === stray.kind && other.vm === stray.vm)) return;
  // A folder, a slot and the uid that comes with it are in use while a process of the VM is there.
  const processes = await endProcesses(home, stray.vm);
  const left = processes.length > 0 ? processes : await removeOne(stray);
  if (left.length > 0) throw notGone(stray.vm, left);
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
