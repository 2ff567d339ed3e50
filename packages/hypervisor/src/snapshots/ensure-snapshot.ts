import { chmod, chown, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { waitingVersion } from '@vm-task/guest/supervisor';
import type { Cache } from '@vm-task/shared/home';
import type { Size } from '@vm-task/shared/sizes';
import { type Accelerator, files } from '../drivers/qemu/command-line.ts';
import type { HostFacts } from '../drivers/qemu/host-facts.ts';
import type { Walls } from '../drivers/qemu/jail/probe.ts';
import { lockFile } from '../file-lock.ts';
import { freezerSlot, releaseUids } from '../host/uids.ts';
import { formatImageRef } from '../images/image-ref.ts';
import type { RegisteredImage, Watch } from '../images/image-store.ts';
import { requireUnaltered } from '../images/signature.ts';
import { syncFolder, writeJson } from '../ledger/json-file.ts';
import { freeze, runFolder } from './freeze.ts';
import type { Snapshot, SnapshotManifest } from './snapshot.ts';
import { snapshotKey } from './snapshot-key.ts';
import { manifestName, markUsed, readSnapshot, removeUnused, snapshotFolder } from './snapshot-store.ts';

export interface SnapshotPlan {
  readonly cache: Cache;
  readonly image: RegisteredImage;
  readonly size: Size;
  readonly accelerator: Accelerator;
  readonly walls: Walls;
  readonly qemuVersion: string;
  /** Whom the image runs as while it boots to be frozen. */
  readonly reserveOwner: HostFacts['reserveOwner'];
  readonly maxSnapshots: number;
}

/** The snapshot of exactly this image, size and host, made first if it must be; by one process, for which all others wait. */
export async function ensureSnapshot(plan: SnapshotPlan, watch: Watch): Promise<Snapshot> {
  const { cache, image, size, accelerator, qemuVersion } = plan;
  const key = snapshotKey({ imageFingerprint: image.fingerprint, size, accelerator, qemuVersion, waitingVersion });
  const found = await readSnapshot(cache, key);
  if (found !== null) {
    await markUsed(found);
    return found;
  }
  await mkdir(cache.snapshots, { recursive: true, mode: 0o700 });
  const name = `${formatImageRef(image.ref)} with ${size.cpus} CPU and ${size.memoryMiB} MiB`;
  const onWait = () => watch.report({ note: `waiting for another process that freezes ${name}` });
  await using _lock = await lockFile(join(cache.snapshots, `${key}.lock`), onWait, watch.signal);
  const made = await readSnapshot(cache, key);
  if (made !== null) return made;
  watch.report({ note: `booting ${name} once, to clone it from now on` });
  const snapshot = await make(plan, key, watch.signal);
  const seconds = ((snapshot.timings.bootMs + snapshot.timings.freezeMs) / 1000).toFixed(1);
  watch.report({ note: `froze ${name} after ${seconds} s` });
  await removeUnused(cache, plan.maxSnapshots);
  return snapshot;
}

async function make(plan: SnapshotPlan, key: string, signal: AbortSignal): Promise<Snapshot> {
  const { cache, image, size, accelerator, walls, reserveOwner } = plan;
  // Ours alone while the lock is held; what is there was left by a process that was killed.
  const draft = join(cache.snapshots, `.new-${key}`);
  await rm(draft, { recursive: true, force: true });
  try {
    await mkdir(join(draft, 'snapshot'), { recursive: true, mode: 0o700 });
    // Once for all clones of it: what boots now is what each of them has in its memory and below its disk.
    await requireUnaltered(image.folder, image.files, signal);
    const owner = await reserveOwner(freezerSlot, draft);
    const manifest = await freeze({ image, size, accelerator, walls, folder: draft, owner }, signal);
    await finish(join(draft, runFolder), join(draft, 'snapshot'), manifest);
    await rename(join(draft, 'snapshot'), snapshotFolder(cache, key));
    await syncFolder(cache.snapshots);
    return { ...manifest, key, folder: snapshotFolder(cache, key) };
  } finally {
    await releaseUids(draft);
    await rm(draft, { recursive: true, force: true });
  }
}

/** From here on read-only, also for whom the machine ran as, and on disk as a whole: half a memory would be a broken machine in every clone. */
async function finish(run: string, folder: string, manifest: SnapshotManifest): Promise<void> {
  for (const name of Object.values(files)) {
    const path = join(run, name);
    if (name !== files.base) {
      if (process.geteuid?.() === 0) await chown(path, 0, 0);
      await chmod(path, 0o444);
      await using file = await open(path, 'r');
      await file.sync();
    }
    await link(path, join(folder, name));
  }
  await writeJson(join(folder, manifestName), manifest);
}
