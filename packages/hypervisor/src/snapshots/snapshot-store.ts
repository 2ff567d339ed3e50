/**
 * Snapshots in the cache: `<key>/` has the memory, the device state, the disk and what it lies over, all read-only.
 * A VM holds what it uses by hard links, so a link count above one means "in use" to every home and process alike.
 */
import { link, mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Cache } from '@vm-task/shared/home';
import { files } from '../drivers/qemu/command-line.ts';
import { emptyIfMissing, ignoreMissing, nullIfMissing } from '../host/missing.ts';
import { readJson } from '../ledger/json-file.ts';
import { type Snapshot, snapshotManifestSchema } from './snapshot.ts';

export const manifestName = 'snapshot.json';

export function snapshotFolder(cache: Cache, key: string): string {
  return join(cache.snapshots, key);
}

/** The finished snapshot of that key, or null. */
export async function readSnapshot(cache: Cache, key: string): Promise<Snapshot | null> {
  const folder = snapshotFolder(cache, key);
  const manifest = await readJson(join(folder, manifestName), snapshotManifestSchema);
  return manifest.kind === 'value' ? { ...manifest.value, key, folder } : null;
}

/**
 * Links the snapshot into a VM's folder, which keeps it from being removed. False when it was removed meanwhile;
 * then some of the links may be there. @throws `invalid-config` when the two are on different filesystems.
 */
export async function linkSnapshot(snapshot: Snapshot, into: string): Promise<boolean> {
  try {
    await Promise.all(Object.values(files).map((file) => link(join(snapshot.folder, file), join(into, file))));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (code !== 'EXDEV') throw error;
    const where = `${into} and ${snapshot.folder} are on two filesystems, and a VM holds its snapshot by hard links`;
    throw new VmTaskError('invalid-config', `${where}: set VM_TASK_CACHE to a folder on the home's filesystem`, {
      cause: error,
    });
  }
}

/** Its place in the order of use is the last from now on. */
export async function markUsed(snapshot: Snapshot): Promise<void> {
  const now = new Date();
  await utimes(join(snapshot.folder, manifestName), now, now).catch(ignoreMissing);
}

/** Removes the least recently used snapshots beyond `max`, but none that is in use. */
export async function removeUnused(cache: Cache, max: number): Promise<void> {
  const keys = (await readdir(cache.snapshots).catch(emptyIfMissing)).filter((name) => /^[0-9a-f]{32}$/.test(name));
  const found = await Promise.all(keys.map((key) => usageOf(snapshotFolder(cache, key))));
  const byUse = found.filter((usage) => usage !== null).sort((a, b) => b.usedAtMs - a.usedAtMs);
  for (const { folder, inUse } of byUse.slice(max)) {
    if (!inUse) await removeFolder(cache, folder);
  }
}

interface Usage {
  readonly folder: string;
  readonly usedAtMs: number;
  readonly inUse: boolean;
}

async function usageOf(folder: string): Promise<Usage | null> {
  const manifest = await stat(join(folder, manifestName)).catch(nullIfMissing);
  const memory = await stat(join(folder, files.memory)).catch(nullIfMissing);
  if (manifest === null || memory === null) return null;
  return { folder, usedAtMs: manifest.mtimeMs, inUse: memory.nlink > 1 };
}

/** Renamed away first, so that nobody takes half of it for the whole. */
async function removeFolder(cache: Cache, folder: string): Promise<void> {
  await mkdir(cache.snapshots, { recursive: true });
  const trash = await mkdtemp(join(cache.snapshots, '.gone-'));
  await rename(folder, join(trash, 'snapshot')).catch(ignoreMissing);
  await rm(trash, { recursive: true, force: true });
}
