/**
 * The home and the cache that a release leaves behind: VMs of every driver in every phase, an image, a snapshot.
 * `released/<version>/home` and `cache` are what that version's own code has written there; later versions read it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageManifest } from '@vm-task/hypervisor/images/image';
import { openFolder, writeClaim, writeEnded, writeNextClaim, writeReady } from '@vm-task/hypervisor/ledger/ledger';
import { writeQuarantine } from '@vm-task/hypervisor/ledger/quarantine';
import type { Ready, VmRecord, VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { SnapshotManifest } from '@vm-task/hypervisor/snapshots/snapshot';
import { manifestName, snapshotFolder } from '@vm-task/hypervisor/snapshots/snapshot-store';
import type { Cache, Home } from '@vm-task/shared/home';
import { samplePipeline } from './sample-events.ts';
import { claimedVm, creatingVm, warmVm } from './sample-states.ts';

export const releasedImage: ImageManifest = {
  name: 'python',
  version: '3.2.0',
  fingerprint: 'a'.repeat(64),
  architecture: 'x86_64',
  disk: 'disk.qcow2',
  boot: { kind: 'direct', kernel: 'vmlinuz', initrd: 'initrd.img', cmdline: 'root=/dev/vda' },
  runtimes: { shell: ['/bin/sh', '-eu'] },
  virtualSizeMiB: 4096,
  minMemoryMiB: 256,
  source: 'recipe',
  createdAt: '2026-01-01T00:00:00.000Z',
};

export const releasedSnapshotKey = 'b'.repeat(32);

const snapshot: SnapshotManifest = {
  imageFingerprint: releasedImage.fingerprint,
  size: { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
  user: 'root',
  hostKey: 'ssh-ed25519 AAAA',
  loginKey: 'not a key',
  createdAt: releasedImage.createdAt,
  timings: { bootMs: 1, freezeMs: 1 },
};

/** Of its VMs, in the order of the alphabet. */
export const releasedPhases: readonly VmState['phase'][] = ['claimed', 'claimed', 'creating', 'ending', 'ready'];

export async function writeReleasedHome(home: Home, cache: Cache): Promise<void> {
  await mkdir(home.root, { recursive: true });
  await writeFile(home.host, JSON.stringify({ id: 'released-0a1b2c3d' }));
  await writeCreating(home);
  await writeWarm(home);
  await writeNamed(home);
  await writeKept(home);
  await writeQuarantined(home);
  const image = join(home.images, `${releasedImage.name}@${releasedImage.version}`);
  const frozen = snapshotFolder(cache, releasedSnapshotKey);
  for (const folder of [image, frozen]) await mkdir(folder, { recursive: true });
  await writeFile(join(image, 'image.json'), JSON.stringify(releasedImage));
  await writeFile(join(frozen, manifestName), JSON.stringify(snapshot));
}

async function writeCreating(home: Home): Promise<void> {
  await openFolder(home, creatingVm().record);
}

async function writeWarm(home: Home): Promise<void> {
  const { record, ready } = warmVm({ process: { pid: 4_711, startTicks: 12 }, uid: 60_000, egress: 'internet' });
  await openFolder(home, record);
  await writeReady(home, record.vm, ready);
}

async function writeNamed(home: Home): Promise<void> {
  const { record, ready, claim } = claimedVm();
  const { image: _image, snapshot: _snapshot, egress: _egress, uid: _uid, port: _port, ...common } = record;
  const named: VmRecord & Pick<Ready, 'access'> = { ...common, driver: 'ssh', pool: 'kali', access: ready.access };
  await writeWhole(home, named, ready);
  await writeClaim(home, named.vm, claim);
}

/** From one stage of a pipeline to the next. */
async function writeKept(home: Home): Promise<void> {
  const { record, ready, claim } = claimedVm({ keep: { pipeline: samplePipeline(), stage: 'build' } });
  await writeWhole(home, record, ready);
  await writeClaim(home, record.vm, claim);
  await writeNextClaim(home, record.vm, claim.task, claimedVm().claim);
}

async function writeQuarantined(home: Home): Promise<void> {
  const { record, ready, claim } = claimedVm();
  await writeWhole(home, record, ready);
  await writeClaim(home, record.vm, claim);
  await writeEnded(home, record.vm, 'its task is over');
  const left = { kind: 'process' as const, what: '4711', why: 'it waits for a disk' };
  await writeQuarantine(home, record.vm, [left, { ...left, kind: 'file' }]);
}

async function writeWhole(home: Home, record: VmRecord, ready: Ready): Promise<void> {
  await openFolder(home, record);
  await writeReady(home, record.vm, ready);
}
