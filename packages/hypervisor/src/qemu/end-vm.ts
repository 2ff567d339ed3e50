/** Away with a VM, in an order that can be broken off anywhere and begun again by anybody (I5, I6). */
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { endProcess } from '../host/end-process.ts';
import { markedProcesses } from '../host/marked-process.ts';
import { emptyIfMissing } from '../host/missing.ts';
import { forgetVm } from '../ledger/forget-vm.ts';
import { readState, recordedProcess, writeEnded } from '../ledger/ledger.ts';

/**
 * Returns when everything of the VM but its folder and its slots is gone. Works whoever made it, whatever is half
 * made or half removed, and also when its record is lost. Thrown: `vm-not-gone`.
 */
export async function endVm(home: Home, vm: VmId, reason: string): Promise<void> {
  await writeEnded(home, vm, { reason, at: new Date().toISOString() });
  await endProcesses(home, vm);
  await removeFiles(home, vm);
}

/** As `endVm`, and the slots and the folder, too. */
export async function destroyVm(home: Home, vm: VmId, reason: string): Promise<void> {
  await endVm(home, vm, reason);
  await forgetVm(home, vm);
}

/**
 * Found by their mark, because a record may not have their number; and by their number, because one that is dying has
 * lost its mark. A port is its process's, and goes with it.
 */
export async function endProcesses(home: Home, vm: VmId): Promise<void> {
  const marked = markedProcesses(home).filter((process) => process.vm === vm);
  const recorded = recordedProcess(await readState(home, vm));
  const processes = recorded === null ? marked : [...marked, recorded];
  const ended = await Promise.all(processes.map(async (process) => ((await endProcess(process)) ? [] : [process.pid])));
  const left = ended.flat();
  if (left.length === 0) return;
  throw new VmTaskError('vm-not-gone', `${vm}: process ${left.join(', ')} does not end; see why in /proc/<pid>/stack`);
}

/** What tells of the VM stays: record, claim, reason, and what its console and QEMU said last. */
async function removeFiles(home: Home, vm: VmId): Promise<void> {
  const folder = home.vm(vm);
  const kept = [folder.record, folder.ready, folder.claim, folder.ended, folder.consoleLog, folder.qemuLog].map(
    (path) => basename(path),
  );
  const names = (await readdir(folder.root).catch(emptyIfMissing)).filter((name) => !kept.includes(name));
  for (const name of names) await rm(join(folder.root, name), { recursive: true, force: true });
}
