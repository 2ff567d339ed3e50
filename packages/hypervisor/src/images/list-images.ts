import { stat } from 'node:fs/promises';
import type { VmId } from '@vm-task/shared/ids';
import { compareVersions } from '@vm-task/shared/versions';
import { resolveImage } from './ensure-image.ts';
import { type Image, type ImageVersion, imageDisk } from './image.ts';
import { type ImageStore, registeredImages } from './image-store.ts';
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
  /** There is a recipe, and no image that is made of exactly what it says now: the first use builds it. */
  | { readonly state: 'to-build'; readonly ref: ImageVersion };

/** Every image of the home and every recipe that is to be built, by name and then by version as a number. */
export async function listImages(store: ImageStore): Promise<ListedImage[]> {
  const toBuild = await recipesToBuild(store);
  const isStale = (image: Image) =>
    toBuild.some(({ ref }) => ref.name === image.ref.name && ref.version === image.ref.version);
  const current = (await registeredImages(store)).filter((image) => !isStale(image));
  const ready = await Promise.all(current.map((image) => describe(store, image)));
  return [...ready, ...toBuild].sort(
    (a, b) => a.ref.name.localeCompare(b.ref.name) || compareVersions(a.ref.version, b.ref.version),
  );
}

async function describe(store: ImageStore, image: Image): Promise<ListedImage> {
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
    const resolution = await resolveImage(store, ref);
    if (resolution.kind === 'to-build') listed.push({ state: 'to-build', ref });
  }
  return listed;
}
