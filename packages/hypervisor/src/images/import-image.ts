import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { releaseUids } from '../host/uids.ts';
import { runTool } from '../run-tool.ts';
import { hostArchitecture } from './architecture.ts';
import type { DiskFormat } from './disk-formats.ts';
import { fileSha256 } from './fingerprint.ts';
import { type ForeignDisk, handOver, hasNamespaces, reserveReader, takeBack, tryQemuImg } from './foreign-disk.ts';
import type { ImageManifest, ImageVersion } from './image.ts';
import { formatImageRef } from './image-ref.ts';
import {
  cachedImage,
  finishImage,
  type ImageStore,
  knownImage,
  lockImage,
  type RegisteredImage,
  registerImage,
  type Watch,
} from './image-store.ts';
import { inspectDisk } from './inspect-disk.ts';
import { readRecipe } from './recipe.ts';

export interface ImportRequest {
  readonly ref: ImageVersion;
  readonly file: string;
  readonly format: DiskFormat;
  /** What a task may name as its runtime, and the argv that a script's path is appended to. */
  readonly runtimes: Record<string, string[]>;
  /** `host.uidBase` of the configuration: qemu-img runs as a user above it (`reserveReader`). */
  readonly uidBase: number;
}

/** What Debian's smallest installation boots with; nobody can know it of somebody else's disk. */
const minMemoryMiB = 256;

/**
 * Somebody's disk as an image of this home. It is copied first and converted to a qcow2 file of ours, so that nothing
 * in it is ever read again by anything but its guest, and nobody can alter it between the check and the use.
 * @throws `image-refused` with what is wrong with the name or the disk. Failed or aborted, it leaves nothing.
 */
export async function importImage(store: ImageStore, request: ImportRequest, watch: Watch): Promise<RegisteredImage> {
  const name = formatImageRef(request.ref);
  await using _lock = await lockImage(store, `import-${name}`, watch);
  await checkName(store, request.ref);
  await checkFile(request.file);
  const staging = join(store.cache.images, `.import-${name}`);
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { mode: 0o700 });
  try {
    const manifest = await convert(request, staging, watch);
    await using _cached = await lockImage(store, manifest.fingerprint, watch);
    const same = await cachedImage(store, manifest.fingerprint);
    return await registerImage(store, same ?? (await finishImage(store, staging, manifest)), watch);
  } finally {
    await releaseUids(staging);
    await rm(staging, { recursive: true, force: true });
  }
}

async function checkName(store: ImageStore, ref: ImageVersion): Promise<void> {
  if ((await readRecipe(store.recipesFolder, ref.name)) !== null) {
    throw new VmTaskError('image-refused', `"${ref.name}" is the name of a recipe; import the disk under another name`);
  }
  if ((await knownImage(store, ref)) !== null) {
    const name = formatImageRef(ref);
    const advice = `give it another version, or remove that one first: vm-task image rm ${name}`;
    throw new VmTaskError('image-refused', `${name} is there already, and an image never changes; ${advice}`);
  }
}

async function checkFile(file: string): Promise<void> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new VmTaskError('image-refused', `${file} cannot be read`, { cause });
  });
  if (!found.isFile()) throw new VmTaskError('image-refused', `${file} is not a file; copy the disk to one first`);
}

/** @throws `tool-failed`. */
async function convertDisk(foreign: ForeignDisk, format: DiskFormat, signal: AbortSignal): Promise<void> {
  const args = ['convert', '-f', format, '-O', 'qcow2', 'source', 'disk.qcow2'];
  const { exitCode, complaint } = await tryQemuImg(args, foreign, signal);
  if (exitCode !== 0) throw new VmTaskError('tool-failed', `qemu-img convert ended with ${exitCode}: ${complaint}`);
}

async function convert(
  { ref, file, format, runtimes, uidBase }: ImportRequest,
  staging: string,
  watch: Watch,
): Promise<ImageManifest> {
  const { signal } = watch;
  const say = (note: string, fraction: number) => watch.report({ note: `image ${ref.name}: ${note}`, fraction });
  const reader = await reserveReader(uidBase, staging);
  const isolated = await hasNamespaces(reader, signal);
  if (reader !== null && !isolated) say('read without namespaces of its own, which this host does not permit', 0);
  const foreign: ForeignDisk = { folder: join(staging, 'foreign'), reader, isolated };
  const disk = join(staging, 'disk.qcow2');
  await mkdir(foreign.folder, { mode: 0o700 });
  say('copying', 0);
  await runTool('cp', ['--sparse=always', '--reflink=auto', '--', resolve(file), join(foreign.folder, 'source')], {
    signal,
  });
  await handOver(foreign, 'source');
  const virtualSizeMiB = await inspectDisk(foreign, 'source', format, file, signal);
  say('converting', 0.4);
  await convertDisk(foreign, format, signal);
  // It was written by who has read a foreign disk: another one has to find that it stands by itself.
  await inspectDisk(foreign, 'disk.qcow2', 'qcow2', file, signal);
  await takeBack(foreign, 'disk.qcow2', disk);
  await rm(foreign.folder, { recursive: true });
  say('reading it once more', 0.9);
  const content = await fileSha256(disk, signal);
  const made = {
    ...ref,
    architecture: hostArchitecture(),
    disk: 'disk.qcow2' as const,
    boot: { kind: 'firmware' as const },
    runtimes,
    virtualSizeMiB,
    minMemoryMiB,
    source: 'import' as const,
  };
  const fingerprint = createHash('sha256')
    .update(JSON.stringify({ ...made, content }))
    .digest('hex');
  return { ...made, fingerprint, createdAt: new Date().toISOString() };
}
