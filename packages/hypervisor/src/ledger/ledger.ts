/**
 * The ledger: one folder per VM, whose files *are* the VM's state (I5). It says what may exist on the host; what does
 * exist is for the driver to find out (I6). A folder appears and disappears by rename, so it is never seen half made.
 */
import { mkdir, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorInfo } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type TaskId, type VmId } from '@vm-task/shared/ids';
import { emptyIfMissing, nullIfMissing } from '../host/missing.ts';
import { fileLeft, removeTree } from '../host/remove-tree.ts';
import { linkClaim, readClaims } from './claims.ts';
import { hostClock, thisMoment } from './deadline.ts';
import { type JsonFile, readJson, syncFolder, writeJson, writeJsonForThisBoot, writeJsonOnce } from './json-file.ts';
import { KnownFolders } from './known-folders.ts';
import { type Leftover, type Quarantine, quarantineSchema } from './quarantine.ts';
import {
  type Claim,
  type Ended,
  endedSchema,
  type ProcessRef,
  type Ready,
  readySchema,
  type VmRecord,
  type VmState,
  vmRecordSchema,
} from './vm-record.ts';

const newPrefix = '.new-';
const gonePrefix = '.gone-';

/** Returns when the intent is on disk; before that nothing of the VM may be made. */
export async function openFolder(home: Home, record: VmRecord): Promise<void> {
  const folder = home.vm(record.vm).root;
  const draft = join(home.vms, newPrefix + record.vm);
  await mkdir(draft, { recursive: true, mode: 0o700 });
  await writeJson(join(draft, 'vm.json'), record);
  await rename(draft, folder);
  await syncFolder(dirname(folder));
}

/** Says what is known by now of this boot's process and port. @throws when the folder is gone, because somebody ended the VM meanwhile. */
export async function updateRecord(home: Home, record: VmRecord): Promise<void> {
  await writeJsonForThisBoot(home.vm(record.vm).record, record);
}

export async function writeReady(home: Home, vm: VmId, ready: Ready): Promise<void> {
  await writeJsonForThisBoot(home.vm(vm).ready, ready);
}

/** True for exactly one of all who try; false, too, when the VM is not ready, or going. */
export async function writeClaim(home: Home, vm: VmId, claim: Claim): Promise<boolean> {
  if ((await readState(home, vm))?.phase !== 'ready') return false;
  return await linkClaim(home, vm, 1, claim);
}

/** As `writeClaim`, for a VM that the task `after` keeps for another; false, too, when another one has followed it. */
export async function writeNextClaim(home: Home, vm: VmId, after: TaskId, claim: Claim): Promise<boolean> {
  if ((await readState(home, vm))?.phase !== 'claimed') return false;
  const claims = await readClaims(home, vm);
  if (claims?.last.task !== after || claims.last.keep === undefined) return false;
  return await linkClaim(home, vm, claims.count + 1, claim);
}

/** The first reason stays. */
export async function writeEnded(home: Home, vm: VmId, reason: string): Promise<void> {
  const ended: Ended = { reason, since: thisMoment() };
  await writeJsonOnce(home.vm(vm).ended, ended).catch(nullIfMissing);
}

/** Takes the VM out of the ledger. Absent already is success; what is left of its folder then is a stray. */
export async function closeFolder(home: Home, vm: VmId): Promise<Leftover[]> {
  const trash = join(home.vms, gonePrefix + vm);
  const { root } = home.vm(vm);
  try {
    await rename(root, trash).catch(nullIfMissing);
  } catch (error) {
    return [fileLeft(root, error)];
  }
  return await removeTree(trash);
}

/** `vm.json` alone; null where there is none. @throws `ledger-unreadable` */
export async function readRecord(home: Home, vm: VmId): Promise<VmRecord | null> {
  return valueIn(await readJson(home.vm(vm).record, vmRecordSchema));
}

/** The VM as its folder shows it, or null where there is no folder, or none with a record. @throws `ledger-unreadable`. */
export async function readState(home: Home, vm: VmId): Promise<VmState | null> {
  const folder = home.vm(vm);
  const record = await readRecord(home, vm);
  if (record === null) return null;
  // In the reverse of the order in which they are written, so that what is written meanwhile cannot mislead.
  const quarantine = await readJson(folder.quarantine, quarantineSchema);
  const ended = await readJson(folder.ended, endedSchema);
  const claims = await readClaims(home, vm);
  const ready = await readJson(folder.ready, readySchema);
  const files = {
    ready: valueIn(ready),
    claim: claims?.last ?? null,
    ended: valueIn(ended),
    quarantine: valueIn(quarantine),
  };
  return assemble(record, files);
}

/** A VM whose folder has a file of a form that is not known: nobody touches it, and it holds up no other. */
export interface UnreadableVm {
  readonly vm: VmId;
  /** A sentence that names the file. */
  readonly why: string;
}

/** Every VM with a record, but for the unreadable ones; ids begin with their time, so the oldest comes first. */
export async function readStates(home: Home): Promise<VmState[]> {
  return (await readVms(home)).filter((found) => 'phase' in found);
}

/** Every VM with a record, in the same order. */
export async function readVms(home: Home): Promise<(VmState | UnreadableVm)[]> {
  const names = (await readdir(home.vms).catch(emptyIfMissing)).filter(isVmId).sort();
  foldersOf(home).keepOnly(names);
  const found = await Promise.all(names.map((vm) => readFolder(home, vm)));
  return found.filter((vm) => vm !== null);
}

/** Lists are asked for several times a second, and hardly any folder has changed since the last one. */
const folders = new WeakMap<Home, KnownFolders<VmId, VmState | null>>();

function foldersOf(home: Home): KnownFolders<VmId, VmState | null> {
  const known =
    folders.get(home) ??
    new KnownFolders<VmId, VmState | null>(
      (vm) => home.vm(vm).root,
      (vm) => readState(home, vm),
    );
  folders.set(home, known);
  return known;
}

async function readFolder(home: Home, vm: VmId): Promise<VmState | UnreadableVm | null> {
  try {
    return await foldersOf(home).get(vm);
  } catch (error) {
    const { code, message } = errorInfo(error);
    if (code === 'ledger-unreadable') return { vm, why: message };
    throw error;
  }
}

/** True when the VM has a record, even one that cannot be read. */
export async function hasRecord(home: Home, vm: VmId): Promise<boolean> {
  return (await readFolder(home, vm)) !== null;
}

/** The VM's process by its record, if that is of this boot: after a reboot another one may have the same number and start. */
export function recordedProcess(record: VmRecord | null): ProcessRef | null {
  return record?.deadline.bootId === hostClock().bootId ? record.process : null;
}

export interface StrayFolder {
  readonly path: string;
  readonly vm: VmId;
}

/** Folders that are no VM's: half made, half removed, or with a record that a dying disk took away. */
export async function strayFolders(home: Home): Promise<StrayFolder[]> {
  const names = await readdir(home.vms).catch(emptyIfMissing);
  const found = names.map(async (name): Promise<StrayFolder[]> => {
    const vm = name.replace(newPrefix, '').replace(gonePrefix, '');
    if (!isVmId(vm)) return [];
    if (vm === name && (await hasRecord(home, vm))) return [];
    return [{ path: join(home.vms, name), vm }];
  });
  return (await Promise.all(found)).flat();
}

interface StateFiles {
  readonly ready: Ready | null;
  readonly claim: Claim | null;
  readonly ended: Ended | null;
  readonly quarantine: Quarantine | null;
}

function assemble(record: VmRecord, { ready, claim, ended, quarantine }: StateFiles): VmState {
  if (ended !== null) return { phase: 'ending', record, ended, claim, quarantine };
  if (ready === null) return { phase: 'creating', record };
  if (claim === null) return { phase: 'ready', record, ready };
  return { phase: 'claimed', record, ready, claim };
}

/** A torn file counts as absent: only a power cut tears one, and after that the VM is over by its boot id (I7). */
function valueIn<T>(file: JsonFile<T>): T | null {
  return file.kind === 'value' ? file.value : null;
}
