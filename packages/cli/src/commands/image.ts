/** `image build | import | list | rm`: the images of this home. They work whether the system is up or not. */

import type { DiskFormat } from '@vm-task/hypervisor/images/disk-formats';
import { ensureImage } from '@vm-task/hypervisor/images/ensure-image';
import type { Image } from '@vm-task/hypervisor/images/image';
import { formatImageRef, parseImageRef, parseImageVersion } from '@vm-task/hypervisor/images/image-ref';
import type { ImageStore, Watch } from '@vm-task/hypervisor/images/image-store';
import { importImage } from '@vm-task/hypervisor/images/import-image';
import { type ListedImage, listImages as listStore } from '@vm-task/hypervisor/images/list-images';
import { recipeNames } from '@vm-task/hypervisor/images/recipe';
import { recipesFolder } from '@vm-task/hypervisor/images/recipes-folder';
import { removeImage } from '@vm-task/hypervisor/images/remove-image';
import { loadConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import { print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';
import { table } from '../screen/table.ts';

interface ImageOptions {
  readonly environment: Environment;
  readonly json: boolean;
}

const storeOf = ({ home, cache }: Environment): ImageStore => ({ home, cache, recipesFolder });

/** Runs `action` with progress on the screen; Ctrl-C ends it, and it leaves nothing half-made. */
async function watched<T>(json: boolean, action: (watch: Watch) => Promise<T>): Promise<T> {
  using progress = startProgress({ quiet: json });
  const interrupted = new AbortController();
  const onInterrupt = () =>
    interrupted.abort(new VmTaskError('interrupted', 'interrupted; nothing was left half-made'));
  process.once('SIGINT', onInterrupt);
  process.once('SIGTERM', onInterrupt);
  try {
    return await action({
      report: ({ note, fraction }) =>
        progress.update(fraction === undefined ? note : `${note}, ${Math.round(fraction * 100)} %`),
      signal: interrupted.signal,
    });
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

/** Builds what is named, or every recipe; what is up to date already costs nothing. */
export async function buildImages({ environment, json }: ImageOptions, names: readonly string[]): Promise<void> {
  const store = storeOf(environment);
  const wanted = names.length > 0 ? names : await recipeNames(recipesFolder);
  const built: Image[] = [];
  for (const name of wanted) built.push(await watched(json, (watch) => ensureImage(store, parseImageRef(name), watch)));
  if (json) printJson({ images: built.map(({ ref, fingerprint }) => ({ ...ref, fingerprint })) });
  else print(built.map(({ ref }) => `${formatImageRef(ref)} is ready`).join('\n'));
}

export async function importImageFile(
  { environment, json }: ImageOptions,
  request: { readonly name: string; readonly file: string; readonly format: DiskFormat },
): Promise<void> {
  const ref = parseImageVersion(request.name);
  const runtimes = { shell: ['/bin/sh'] };
  const { uidBase } = loadConfig(environment.home).host;
  const image = await watched(json, (watch) =>
    importImage(storeOf(environment), { ...request, ref, runtimes, uidBase }, watch),
  );
  if (json) printJson({ ...image.ref, fingerprint: image.fingerprint });
  else print(`${formatImageRef(image.ref)} is imported`);
}

export async function listImages({ environment, json }: ImageOptions): Promise<void> {
  const images = await listStore(storeOf(environment));
  if (json) printJson({ images: images.map(toJson) });
  else print([table(['image', 'state', 'disk', 'runtimes', 'used by'], images.map(toRow)), ...whys(images)].join('\n'));
}

function whys(images: readonly ListedImage[]): string[] {
  return images.flatMap((listed) => (listed.state === 'unusable' ? ['', listed.why] : []));
}

function toJson(listed: ListedImage): object {
  if (listed.state === 'to-build') return { ...listed.ref, state: listed.state };
  if (listed.state === 'unusable') return { ...listed.ref, state: listed.state, why: listed.why };
  const { ref, state, image, diskBytes, usedBy } = listed;
  return { ...ref, state, fingerprint: image.fingerprint, diskBytes, runtimes: image.runtimes, usedBy };
}

function toRow(listed: ListedImage): (string | null)[] {
  const name = formatImageRef(listed.ref);
  if (listed.state === 'to-build') return [name, 'built at first use', null, null, null];
  if (listed.state === 'unusable') return [name, 'not usable', null, null, null];
  const mebibytes = `${Math.round(listed.diskBytes / 1024 ** 2)} MiB`;
  const vms = listed.usedBy.length === 0 ? '' : `${listed.usedBy.length} VMs`;
  return [name, 'ready', mebibytes, Object.keys(listed.image.runtimes).sort().join(', '), vms];
}

/** A name without a version means all its versions; each is removed only if nothing uses it. */
export async function removeImageVersions(
  { environment, json }: ImageOptions,
  names: readonly string[],
): Promise<void> {
  const store = storeOf(environment);
  const refs = (await Promise.all(names.map((name) => versionsOf(store, name)))).flat();
  const removed: string[] = [];
  for (const ref of refs) {
    await watched(json, (watch) => removeImage(store, ref, watch));
    removed.push(formatImageRef(ref));
  }
  if (json) printJson({ removed });
  else print(removed.map((name) => `${name} is removed`).join('\n'));
}

async function versionsOf(store: ImageStore, name: string) {
  if (name.includes('@')) return [parseImageVersion(name)];
  const wanted = parseImageRef(name).name;
  const versions = (await listStore(store)).filter(({ state, ref }) => state !== 'to-build' && ref.name === wanted);
  if (versions.length === 0) throw new VmTaskError('image-not-found', `there is no image "${name}" to remove`);
  return versions.map(({ ref }) => ref);
}
