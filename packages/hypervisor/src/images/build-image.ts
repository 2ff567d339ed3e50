import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { hostArchitecture } from './architecture.ts';
import { bootstrap } from './bootstrap.ts';
import { recipeFingerprint } from './fingerprint.ts';
import type { Image, ImageManifest } from './image.ts';
import { cachedImage, finishImage, type ImageStore, lockImage, registerImage, type Watch } from './image-store.ts';
import { makeDisk } from './make-disk.ts';
import type { Recipe } from './recipe.ts';
import { makeScratch } from './scratch.ts';

/**
 * The recipe's image, registered in the home. It is built only when nothing made of exactly the same is in the cache;
 * of two who build it at once, the second waits and takes the first one's. Aborted or killed, it leaves nothing that
 * the next build does not remove. @throws when a step fails: `image-build-failed`, with the tool's last words.
 */
export async function buildImage(store: ImageStore, recipe: Recipe, watch: Watch): Promise<Image> {
  const fingerprint = await recipeFingerprint(recipe, hostArchitecture());
  await using lock = await lockImage(store, fingerprint, watch);
  const finished = await cachedImage(store, fingerprint);
  if (finished !== null) return await registerImage(store, finished, watch);
  const built = await build(store, recipe, fingerprint, lock.fd, watch).catch((error) => {
    throw buildError(recipe, error);
  });
  return await registerImage(store, built, watch);
}

async function build(
  store: ImageStore,
  recipe: Recipe,
  fingerprint: string,
  lock: number,
  watch: Watch,
): Promise<Image> {
  const staging = join(store.cache.images, `.staging-${fingerprint}`);
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging);
  try {
    await using scratch = await makeScratch(store.cache.images, fingerprint, watch.signal);
    const { report, signal } = watch;
    const say = (note: string, fraction: number) => report({ note: `image ${recipe.name}: ${note}`, fraction });
    const architecture = hostArchitecture();
    const job = { recipe, architecture, folder: staging, scratch, keepOpen: [lock] };
    await bootstrap(job, (note, fraction) => say(note, fraction * 0.9), signal);
    say('making the disk', 0.9);
    const raw = join(scratch.folder, 'disk.raw');
    const disk = join(staging, 'disk.qcow2');
    await makeDisk({ tree: scratch.tree, raw, disk, sizeMiB: recipe.diskMiB, keepOpen: [lock] }, signal);
    await rm(join(staging, 'overlay'), { recursive: true });
    const image = await finishImage(store, staging, manifestOf(recipe, fingerprint));
    say('built', 1);
    return image;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function manifestOf(recipe: Recipe, fingerprint: string): ImageManifest {
  return {
    name: recipe.name,
    version: recipe.version,
    fingerprint,
    architecture: hostArchitecture(),
    disk: 'disk.qcow2',
    boot: { kind: 'direct', kernel: 'vmlinuz', initrd: 'initrd.img', cmdline: recipe.cmdline },
    runtimes: recipe.runtimes,
    virtualSizeMiB: recipe.diskMiB,
    minMemoryMiB: recipe.minMemoryMiB,
    source: 'recipe',
    createdAt: new Date().toISOString(),
  };
}

function buildError(recipe: Recipe, error: unknown): unknown {
  if (!(error instanceof VmTaskError) || error.code !== 'tool-failed') return error;
  const hint =
    process.geteuid?.() === 0
      ? ''
      : ' (as an ordinary user this needs the package uidmap and a range of ids in /etc/subuid and /etc/subgid)';
  return new VmTaskError('image-build-failed', `image ${recipe.name}@${recipe.version}: ${error.message}${hint}`, {
    cause: error,
  });
}
