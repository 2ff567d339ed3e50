import { stat } from 'node:fs/promises';
import { errorInfo } from '@vm-task/shared/errors';
import type { VmId } from '@vm-task/shared/ids';
import { compareVersions } from '@vm-task/shared/versions';
import { resolveImage } from './ensure-image.ts';
import { type Image, type ImageVersion, imageDisk } from './image.ts';
import { type ImageStore, registeredImage, registeredRefs } from './image-store.ts';
import { imageUsers } from './image-users.ts';
import { readRecipe, recipeNames } from './recipe.ts';

export type ListedImage =
  | {
      readonly state: 'ready';
      readonly ref: ImageVersion;
      readonly image: Image;
      /** What the disk takes on the host. */
      readonly diskBytes: number;
      readonly usedBy: readonly VmId[];
    }
  /** It is there and is not used: `image-altered`, `image-unreadable`. */
  | { readonly state: 'unusable'; readonly ref: ImageVersion; readonly why: string }
  /** There is a recipe, and no image that is made of exactly what it says now: the first use builds it. */
  | { readonly state: 'to-build'; readonly ref: ImageVersion };

/** Every image of the home and every recipe that is to be built, by name and then by version as a number. */
export async function listImages(store: ImageStore): Promise<ListedImage[]> {
  const toBuild = await recipesToBuild(store);
  const isStale = (ref: ImageVersion) =>
    toBuild.some((other) => other.ref.name === ref.name && other.ref.version === ref.version);
  const current = (await registeredRefs(store)).filter((ref) => !isStale(ref));
  const found = await Promise.all(current.map((ref) => describe(store, ref)));
  return [...found.filter((one) => one !== null), ...toBuild].sort(
    (a, b) => a.ref.name.localeCompare(b.ref.name) || compareVersions(a.ref.version, b.ref.version),
  );
}

/** Null when it was removed meanwhile. */
async function describe(store: ImageStore, ref: ImageVersion): Promise<ListedImage | null> {
  try {
    const image = await registeredImage(store, ref);
    return image === null ? null : await describeImage(store, image);
  } catch (error) {
    return { state: 'unusable', ref, why: errorInfo(error).message };
  }
}

async function describeImage(store: ImageStore, image: Image): Promise<ListedImage> {
  const { blocks } = await stat(imageDisk(image));
  // st_blocks counts units of 512 bytes, whatever the filesystem's own are.
  return {
    state: 'ready',
    ref: image.ref,
    image,
    diskBytes: blocks * 512,
    usedBy: await imageUsers(store.home, image),
  };
}

async function recipesToBuild(store: ImageStore): Promise<ListedImage[]> {
  const listed: ListedImage[] = [];
  for (const name of await recipeNames(store.recipesFolder)) {
    const recipe = await readRecipe(store.recipesFolder, name);
    if (recipe === null) continue;
    const ref = { name: recipe.name, version: recipe.version };
    if (await isToBuild(store, ref)) listed.push({ state: 'to-build', ref });
  }
  return listed;
}

/** One that is there and is not used is not to be built, either: somebody has to see it. */
async function isToBuild(store: ImageStore, ref: ImageVersion): Promise<boolean> {
  const resolution = await resolveImage(store, ref).catch(() => null);
  return resolution?.kind === 'to-build';
}
