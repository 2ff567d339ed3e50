/**
 * Machines without QEMU: an image and a snapshot that are only names, in whose clones one sshd of this host answers.
 * Everything else of the hypervisor is the real one: ledger, slots, processes by their mark, monitor, removal.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { waitingVersion } from '@vm-task/guest/supervisor';
import { files } from '@vm-task/hypervisor/drivers/qemu/command-line';
import type { ImageManifest } from '@vm-task/hypervisor/images/image';
import type { SnapshotManifest } from '@vm-task/hypervisor/snapshots/snapshot';
import { snapshotKey } from '@vm-task/hypervisor/snapshots/snapshot-key';
import { manifestName, snapshotFolder } from '@vm-task/hypervisor/snapshots/snapshot-store';
import type { Cache, Home } from '@vm-task/shared/home';
import type { Size } from '@vm-task/shared/sizes';
import type { SshGuest } from '@vm-task/testing/ssh-guest';
import { repositoryRoot } from '../code/instrument.ts';
import { standInFacts } from '../stand-ins/host-facts.ts';

export const standInSize: Size = { cpus: 1, memoryMiB: 512, diskMiB: 4_096 };
export const standInImage = 'stand-in';

const image: ImageManifest = {
  name: standInImage,
  version: '1.0.0',
  fingerprint: 'a'.repeat(64),
  architecture: 'x86_64',
  disk: 'disk.qcow2',
  boot: { kind: 'firmware' },
  runtimes: { shell: ['/bin/sh', '-eu'] },
  virtualSizeMiB: 1,
  minMemoryMiB: 1,
  source: 'import',
  createdAt: new Date(0).toISOString(),
};

const stoodInFor = {
  'packages/hypervisor/src/drivers/qemu/host-facts.ts': 'host-facts.ts',
  'packages/hypervisor/src/drivers/qemu/qemu-version.ts': 'qemu-version.ts',
  'packages/guest/src/identity.ts': 'identity.ts',
} as const;

/** URL of a module → URL of its stand-in. */
export function standIns(): Readonly<Record<string, string>> {
  const url = (path: string) => pathToFileURL(join(repositoryRoot, path)).href;
  const pairs = Object.entries(stoodInFor);
  return Object.fromEntries(
    pairs.map(([file, name]) => [url(file), url(`packages/crash-points/src/stand-ins/${name}`)]),
  );
}

/** Files whose effects cannot be reached, because something stands in for them. */
export const standInFiles: readonly string[] = Object.keys(stoodInFor);

/** What `ensureImage` and `ensureSnapshot` find, so that nothing is built. */
export async function furnishMachines(home: Home, cache: Cache, guest: SshGuest): Promise<void> {
  const known = join(home.images, `${image.name}@${image.version}`);
  const { qemuVersion, accelerator } = standInFacts;
  const key = snapshotKey({
    imageFingerprint: image.fingerprint,
    size: standInSize,
    accelerator,
    qemuVersion,
    waitingVersion,
  });
  const folder = snapshotFolder(cache, key);
  const manifest: SnapshotManifest = {
    imageFingerprint: image.fingerprint,
    size: standInSize,
    user: guest.access.user,
    hostKey: guest.access.hostKey,
    loginKey: guest.privateKey,
    createdAt: image.createdAt,
    timings: { bootMs: 1, freezeMs: 1 },
  };
  for (const path of [known, folder]) await mkdir(path, { recursive: true });
  await writeFile(join(known, 'image.json'), JSON.stringify(image));
  await writeFile(join(known, image.disk), '');
  for (const name of Object.values(files)) await writeFile(join(folder, name), '');
  // What a clone of this snapshot goes on from: where its guest answers, and whom it lets in.
  const keys = join(guest.home, '../authorized_keys');
  await writeFile(join(folder, files.state), `${guest.access.port}\n${keys}\n`);
  await writeFile(join(folder, manifestName), JSON.stringify(manifest), { mode: 0o600 });
}
