/**
 * Away with a VM, in an order that can be broken off anywhere and begun again by anybody (I5, I6): the reason, the
 * processes, their files, the uid, then the slots, and the folder last. Each step has its limit; what outlasts it is quarantined.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { endProcess } from '../../host/end-process.ts';
import { emptyIfMissing } from '../../host/missing.ts';
import { removeTree } from '../../host/remove-tree.ts';
import { releaseUids } from '../../host/uids.ts';
import { isClaimFile } from '../../ledger/claims.ts';
import { endWithReason } from '../../ledger/end-with-reason.ts';
import { forgetVm } from '../../ledger/forget-vm.ts';
import { readRecord, recordedProcess } from '../../ledger/ledger.ts';
import { type Leftover, quarantined } from '../../ledger/quarantine.ts';
import { markedProcesses } from './marked-process.ts';

/**
 * Returns when everything of the VM but its folder and its slots is gone. Works whoever made it, whatever is half
 * made or half removed, and also when its record is lost. @throws `vm-not-gone`.
 */
export async function endVm(home: Home, vm: VmId, reason: string): Promise<void> {
  await endWithReason(home, vm, reason, () => removeAll(home, vm));
}

async function removeAll(home: Home, vm: VmId): Promise<void> {
  const processes = await endProcesses(home, vm);
  // What a process has open is its own until it is gone.
  const left = processes.length > 0 ? processes : await removeFiles(home, vm);
  if (left.length > 0) throw await quarantined(home, vm, left);
  await releaseUids(home.vm(vm).root);
}

/** As `endVm`, and the slots and the folder, too. */
export async function destroyVm(home: Home, vm: VmId, reason: string): Promise<void> {
  await endVm(home, vm, reason);
  await forgetVm(home, vm);
}

/**
 * Found by their mark, because a record may not have their number; and by their number, because one that is dying has
 * lost its mark. A port and a network namespace are their processes', and go with them.
 */
export async function endProcesses(home: Home, vm: VmId): Promise<Leftover[]> {
  const marked = markedProcesses(home).filter((process) => process.vm === vm);
  const recorded = recordedProcess(await readRecord(home, vm));
  const isMarked = marked.some(({ pid }) => pid === recorded?.pid);
  const processes = recorded === null || isMarked ? marked : [...marked, recorded];
  return (await Promise.all(processes.map(endProcess))).flat();
}

/** What is known of the VM stays: record, claims, reason, what was left before, and what its console and QEMU said last. */
async function removeFiles(home: Home, vm: VmId): Promise<Leftover[]> {
  const { root, record, ready, ended, quarantine, consoleLog, qemuLog } = home.vm(vm);
  const kept = [record, ready, ended, quarantine, consoleLog, qemuLog].map((path) => basename(path));
  const stays = (name: string) => kept.includes(name) || isClaimFile(name);
  const names = (await readdir(root).catch(emptyIfMissing)).filter((name) => !stays(name));
  return (await Promise.all(names.map((name) => removeTree(join(root, name))))).flat();
}
