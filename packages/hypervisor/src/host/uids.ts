/**
 * uids of VMs, reserved for the whole machine: of two VMs at once, of whatever home, no two have the same. A reservation
 * is a file named after the uid, linked into place, so that of several who want one uid one gets it. It stands until it
 * is released, or until nobody can need it any more: what it was made for is gone, and so is who made it, and no process
 * has the uid. Root's business alone, who may use any uid; it ends with the machine's uptime, as processes do.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { z } from 'zod';
import { lockFile } from '../file-lock.ts';
import { readJson } from '../ledger/json-file.ts';
import { isRunning, thisProcess } from '../ledger/process-ref.ts';
import { processRefSchema } from '../ledger/vm-record.ts';
import { emptyIfMissing, nullIfMissing } from './missing.ts';

/** Emptied by a restart of the machine. */
export const uidsFolder = '/run/vm-task/uids';

/** Beyond every slot: `maxVms` is at most so much. What boots to be frozen gets the first that is free from here on. */
export const freezerSlot = 4_096;

/** Beyond those. Programs that read foreign disks get one of so many. */
export const readerSlots = { first: freezerSlot + 1, count: 64 } as const;

export interface UidRange {
  readonly folder: string;
  readonly base: number;
  readonly count: number;
}

/** What a newer version has added is passed over. */
const reservationSchema = z.object({
  /** The absolute path of what the uid is for: a VM's folder, or that of a snapshot that is being made. */
  for: z.string(),
  by: processRefSchema,
});

/**
 * One of the range, `base + first` where it can be had, for what will be in the folder `purpose`. Nobody else gets it
 * before `releaseUids(purpose)`. @throws `vm-not-started` when all are reserved.
 */
export async function reserveUid({ folder, base, count }: UidRange, first: number, purpose: string): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const draft = join(folder, `.new-${process.pid}-${randomBytes(4).toString('hex')}`);
  await writeFile(draft, JSON.stringify({ for: purpose, by: thisProcess() }), { mode: 0o600 });
  try {
    for (let step = 0; step < count; step++) {
      const uid = base + ((first + step) % count);
      if (await take(draft, folder, uid)) return uid;
    }
  } finally {
    await rm(draft, { force: true });
  }
  const range = `${base} to ${base + count - 1}`;
  throw new VmTaskError(
    'vm-not-started',
    `every uid from ${range} is reserved: see the files in ${folder}, and who uses them`,
  );
}

/** Whatever uid was reserved for that folder is free again. For whoever has verified that no process of it is left. */
export async function releaseUids(purpose: string, folder = uidsFolder): Promise<void> {
  for (const name of (await readdir(folder).catch(emptyIfMissing)).filter(isUid)) {
    const path = join(folder, name);
    const found = await readJson(path, reservationSchema);
    if (found.kind === 'value' && found.value.for === purpose) await rm(path, { force: true });
  }
}

async function take(draft: string, folder: string, uid: number): Promise<boolean> {
  const path = join(folder, String(uid));
  if (await linked(draft, path)) return true;
  if (!(await isStale(path, uid))) return false;
  // One at a time: who has just taken it over is not robbed of it.
  await using _lock = await lockFile(join(folder, '.lock'), () => {}, AbortSignal.timeout(lockLimitMs));
  if (await isStale(path, uid)) await rm(path, { force: true });
  return await linked(draft, path);
}

/** A lock is held for milliseconds. */
const lockLimitMs = 30_000;

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(path: string, uid: number): Promise<boolean> {
  const found = await readJson(path, reservationSchema);
  if (found.kind === 'absent') return true;
  if (found.kind === 'value') {
    if (isRunning(found.value.by)) return false;
    if ((await stat(found.value.for).catch(nullIfMissing)) !== null) return false;
  }
  return !(await hasProcess(uid));
}

/** Whether any process of this machine has the uid: what was left of a home that somebody removed by hand. */
async function hasProcess(uid: number): Promise<boolean> {
  return (await processesOf(uid)).length > 0;
}

/** pids of all that have it, as any of their four uids. What has ended and waits for its parent does nothing more. */
export async function processesOf(uid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(isUid);
  const found = pids.map(async (pid) => {
    const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
    const isIts = new RegExp(`^Uid:.*\\b${uid}\\b`, 'm').test(status);
    return isIts && !/^State:\s+Z/m.test(status) ? [Number(pid)] : [];
  });
  return (await Promise.all(found)).flat();
}

function isUid(name: string): boolean {
  return /^\d+$/.test(name);
}
