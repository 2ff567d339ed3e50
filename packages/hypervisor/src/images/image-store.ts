/**
 * Images: where they are, and the map of this folder.
 *
 * | file | role |
 * |---|---|
 * | `image.ts`, `image-ref.ts`, `version.ts` | what an image is, how it is called, which is newer |
 * | `recipe.ts`, `recipes-folder.ts`, `fingerprint.ts` | what a built image is made of |
 * | `ensure-image.ts` | from a name to an image, built if it must be: the way in for drivers |
 * | `build-image.ts`, `bootstrap.ts`, `debian-sources.ts`, `write-overlay.ts`, `scratch.ts`, `make-disk.ts` | recipe to disk |
 * | `signature.ts` | what each file was when the home took the image in |
 * | `import-image.ts`, `inspect-disk.ts`, `foreign-disk.ts` | somebody's disk to ours, trusting nothing in it |
 * | `list-images.ts`, `check-image.ts`, `remove-image.ts`, `image-users.ts` | what there is, and away with what nothing uses |
 *
 * An image is made in the cache, `images/<fingerprint>/`, by renaming a finished folder there. A home knows it as
 * `images/<name>@<version>/`, a folder with hard links to the same files, and their signature.
 */
import type { KeyObject } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Cache, Home } from '@vm-task/shared/home';
import { tolerant } from '@vm-task/shared/tolerant';
import { type FileLock, lockFile } from '../file-lock.ts';
import { emptyIfMissing } from '../host/missing.ts';
import type { Report } from '../hypervisor.ts';
import { readJson, writeJson } from '../ledger/json-file.ts';
import { type Image, type ImageManifest, type ImageVersion, imageManifestSchema } from './image.ts';
import { formatImageRef, parseImageVersion } from './image-ref.ts';
import {
  type Files,
  filesSchema,
  hashFiles,
  newKey,
  readKey,
  readSignature,
  signatureName,
  writeKey,
  writeSignature,
} from './signature.ts';

export interface ImageStore {
  readonly home: Home;
  readonly cache: Cache;
  /** The folder with one folder per recipe. */
  readonly recipesFolder: string;
}

/** How long work is watched and ended: what it says on the way, and the signal that stops it leaving nothing. */
export interface Watch {
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** An image that the home has signed. */
export interface RegisteredImage extends Image {
  readonly files: Files;
}

/** The finished image in the cache, or null. */
export async function cachedImage(store: ImageStore, fingerprint: string): Promise<Image | null> {
  return await readImage(cacheFolder(store, fingerprint));
}

/** What is there by exactly that name and version, whether it can be used or not, or null: for whoever removes it. */
export async function knownImage(store: ImageStore, ref: ImageVersion): Promise<Image | null> {
  return await readImage(homeFolder(store, ref));
}

/** The image that this home knows by exactly that name and version, or null. @throws `image-altered` when it has signed another one. */
export async function registeredImage(store: ImageStore, ref: ImageVersion): Promise<RegisteredImage | null> {
  const image = await knownImage(store, ref);
  return image === null ? null : { ...image, files: await readSignature(image.folder, await homeKey(store)) };
}

/** The names of all that this home knows, whether they can be used or not. */
export async function registeredRefs(store: ImageStore): Promise<ImageVersion[]> {
  const names = await readdir(store.home.images).catch(emptyIfMissing);
  // Folders being linked or removed have a dot in front.
  return names.filter((name) => !name.startsWith('.')).map(parseImageVersion);
}

/** Makes a finished folder in the cache known to this home, in place of what had its name before. Call it with the image's lock held. */
export async function registerImage(store: ImageStore, image: Image, watch: Watch): Promise<RegisteredImage> {
  await mkdir(store.home.images, { recursive: true });
  const [key, files] = [await homeKey(store), await hashesOf(image, watch.signal)];
  await using _lock = await lockHome(store, watch);
  const staging = join(store.home.images, '.link');
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging);
  for (const file of Object.keys(files)) {
    await link(join(image.folder, file), join(staging, file)).catch((error) => {
      throw linkError(store, error);
    });
  }
  await writeSignature(staging, files, key);
  await takeAway(store, image.ref);
  await rename(staging, homeFolder(store, image.ref));
  return { ...image, files, folder: homeFolder(store, image.ref) };
}

const hashesName = 'hashes.json';

/** Reading a disk takes seconds: once for a cache, whose homes are one user's. */
async function hashesOf({ folder }: Image, signal: AbortSignal): Promise<Files> {
  const path = join(folder, hashesName);
  const known = await readJson(path, filesSchema);
  if (known.kind === 'value') return known.value;
  const files = await hashFiles(folder, hashesName, signal);
  await writeJson(path, files);
  return files;
}

/** With the key that it makes a home signs what it has from before there was one. */
async function homeKey(store: ImageStore): Promise<KeyObject> {
  const path = store.home.imagesKey;
  const known = await readKey(path);
  if (known !== null) return known;
  await mkdir(store.home.images, { recursive: true });
  await mkdir(store.home.credentials, { recursive: true, mode: 0o700 });
  const limit = AbortSignal.timeout(keyLimitMs);
  await using _lock = await lockFile(join(store.home.images, '.lock-key'), () => {}, limit);
  const made = await readKey(path);
  if (made !== null) return made;
  const key = newKey();
  for (const ref of await registeredRefs(store)) {
    const folder = homeFolder(store, ref);
    await writeSignature(folder, await hashFiles(folder, signatureName, limit), key);
  }
  await writeKey(path, key);
  return key;
}

/** Another process hashes every disk of the home. */
const keyLimitMs = 600_000;

/** Takes the name away at once, then the links. VMs keep their own. */
export async function unregisterImage(store: ImageStore, ref: ImageVersion, watch: Watch): Promise<void> {
  await using _lock = await lockHome(store, watch);
  await takeAway(store, ref);
}

/** Under this lock the names of a home's images change; what a killed process left under it goes with the next change. */
async function lockHome(store: ImageStore, watch: Watch): Promise<FileLock> {
  return await lockFile(join(store.home.images, '.lock'), () => {}, watch.signal);
}

async function takeAway(store: ImageStore, ref: ImageVersion): Promise<void> {
  const trash = join(store.home.images, '.gone');
  await rm(trash, { recursive: true, force: true });
  await rename(homeFolder(store, ref), trash).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rm(trash, { recursive: true, force: true });
}

/**
 * Writes the manifest, and puts the folder in its place in the cache: complete, read-only and on disk, because a file
 * that a power cut emptied would pass for finished. Call it with the image's lock held.
 */
export async function finishImage(store: ImageStore, staging: string, manifest: ImageManifest): Promise<Image> {
  await writeFile(join(staging, 'image.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const name of await readdir(staging)) {
    await using file = await open(join(staging, name), 'r');
    await file.chmod(0o444);
    await file.sync();
  }
  const folder = cacheFolder(store, manifest.fingerprint);
  await rename(staging, folder);
  return imageOf(manifest, folder);
}

/** The lock under which an image comes into the cache and goes from it. `key` is its fingerprint, or its name before it has one. */
export async function lockImage(store: ImageStore, key: string, watch: Watch): Promise<FileLock> {
  await mkdir(store.cache.images, { recursive: true });
  const onWait = () => watch.report({ note: 'waiting for another process that works on the image' });
  return await lockFile(join(store.cache.images, `.lock-${key}`), onWait, watch.signal);
}

export function cacheFolder(store: ImageStore, fingerprint: string): string {
  return join(store.cache.images, fingerprint);
}

function homeFolder(store: ImageStore, ref: ImageVersion): string {
  return join(store.home.images, formatImageRef(ref));
}

async function readImage(folder: string): Promise<Image | null> {
  const text = await readFile(join(folder, 'image.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const manifest = tolerant(imageManifestSchema).safeParse(JSON.parse(text));
  if (manifest.success) return imageOf(manifest.data, folder);
  const advice = `use the version that made it, or remove ${folder}, and the image is built anew or can be imported again`;
  throw new VmTaskError('image-unreadable', `${folder}/image.json is not of a form that this version knows: ${advice}`);
}

function imageOf({ name, version, ...rest }: ImageManifest, folder: string): Image {
  return { ...rest, ref: { name, version }, folder };
}

function linkError(store: ImageStore, error: NodeJS.ErrnoException): unknown {
  if (error.code !== 'EXDEV') return error;
  return new VmTaskError(
    'invalid-config',
    `${store.home.root} and ${store.cache.root} are on two filesystems, and images are shared by hard links: set VM_TASK_CACHE to a folder on the home's filesystem`,
    { cause: error },
  );
}
