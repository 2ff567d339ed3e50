/**
 * Capacity without a coordinator: slot n of a pool, and slot n of the host, each belong to one VM at most.
 *
 * A slot is a folder that is taken while it has an entry, which is named after its VM. rename(2) puts a folder in
 * the place of an empty one but never of a full one, so taking is atomic; unlinking `<slot>/<vm>` frees the slot
 * only if it is that VM's, so freeing is, too, however often and by however many it is done.
 */
import { mkdir, readdir, rename, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type VmId } from '@vm-task/shared/ids';
import { emptyIfMissing, ignoreMissing } from '../host/missing.ts';
import type { Capacity } from '../hypervisor.ts';
import type { VmRecord } from './vm-record.ts';

const draftPrefix = '.offer-';

export type Slots = VmRecord['slots'];

export type TakenSlots =
  | { readonly kind: 'taken'; readonly slots: Slots }
  | { readonly kind: 'full'; readonly limit: 'pool' | 'host'; readonly max: number };

/** One slot of the pool and one of the host, or neither. */
export async function takeSlots(home: Home, vm: VmId, pool: string, capacity: Capacity): Promise<TakenSlots> {
  const ofPool = await takeSlot(home, poolFolder(home, pool), vm, capacity.poolMax);
  if (ofPool === null) return { kind: 'full', limit: 'pool', max: capacity.poolMax };
  const ofHost = await takeSlot(home, hostFolder(home), vm, capacity.hostMax);
  if (ofHost !== null) return { kind: 'taken', slots: { pool: ofPool, host: ofHost } };
  await freeSlot({ path: join(poolFolder(home, pool), String(ofPool)), vm });
  return { kind: 'full', limit: 'host', max: capacity.hostMax };
}

/** Frees every slot of the VM; what is another one's by now is left alone. */
export async function freeSlots(home: Home, vm: VmId): Promise<void> {
  const slots = (await takenSlots(home)).filter((slot) => slot.vm === vm);
  await Promise.all(slots.map(freeSlot));
}

/** The slots that a record names. */
export function slotPaths(home: Home, { pool, slots }: Pick<VmRecord, 'pool' | 'slots'>): readonly string[] {
  return [join(poolFolder(home, pool), String(slots.pool)), join(hostFolder(home), String(slots.host))];
}

export interface TakenSlot {
  readonly path: string;
  readonly vm: VmId;
}

/** Every slot that is taken, with its VM; also those that somebody is about to take, or was when it was killed. */
export async function takenSlots(home: Home): Promise<TakenSlot[]> {
  const pools = await readdir(join(home.slots, 'pools')).catch(emptyIfMissing);
  const folders = [hostFolder(home), ...pools.map((pool) => poolFolder(home, pool))];
  const perFolder = folders.map(async (folder) => {
    const names = await readdir(folder).catch(emptyIfMissing);
    return await Promise.all(names.map((name) => ownersOf(join(folder, name))));
  });
  return [...(await Promise.all(perFolder)).flat(2), ...(await drafts(home))];
}

/** Absent already is success, and so is another one's by now. */
export async function freeSlot({ path, vm }: TakenSlot): Promise<void> {
  await unlink(join(path, vm)).catch(ignoreMissing);
  await rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY') ignoreMissing(error);
  });
}

async function drafts(home: Home): Promise<TakenSlot[]> {
  const names = await readdir(home.slots).catch(emptyIfMissing);
  return names.flatMap((name) => {
    const vm = name.replace(draftPrefix, '');
    return isVmId(vm) ? [{ path: join(home.slots, name), vm }] : [];
  });
}

async function takeSlot(home: Home, folder: string, vm: VmId, max: number): Promise<number | null> {
  await mkdir(folder, { recursive: true });
  const draft = join(home.slots, draftPrefix + vm);
  await mkdir(draft);
  await writeFile(join(draft, vm), '');
  for (let n = 0; n < max; n++) {
    if (await renamed(draft, join(folder, String(n)))) return n;
  }
  await freeSlot({ path: draft, vm });
  return null;
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

async function ownersOf(path: string): Promise<TakenSlot[]> {
  const names = await readdir(path).catch(emptyIfMissing);
  return names.filter(isVmId).map((vm) => ({ path, vm }));
}

function poolFolder(home: Home, pool: string): string {
  return join(home.slots, 'pools', pool);
}

function hostFolder(home: Home): string {
  return join(home.slots, 'host');
}
