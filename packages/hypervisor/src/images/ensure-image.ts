import { VmTaskError } from '@vm-task/shared/errors';
import { nearest } from '@vm-task/shared/unknown-keys';
import { compareVersions } from '@vm-task/shared/versions';
import { hostArchitecture } from './architecture.ts';
import { buildImage } from './build-image.ts';
import { recipeFingerprint } from './fingerprint.ts';
import type { Image, ImageRef } from './image.ts';
import { formatImageRef } from './image-ref.ts';
import { type ImageStore, registeredImage, registeredImages, type Watch } from './image-store.ts';
import { type Recipe, readRecipe, recipeNames } from './recipe.ts';
import { newestVersion } from './version.ts';

/** What a name stands for at this moment. */
export type Resolution =
  | { readonly kind: 'registered'; readonly image: Image }
  /** Not built yet, or what it is made of has changed since. */
  | { readonly kind: 'to-build'; readonly recipe: Recipe };

/** The image of that name, built first if it must be. @throws when there is none: `image-not-found`. */
export async function ensureImage(store: ImageStore, ref: ImageRef, watch: Watch): Promise<Image> {
  const resolution = await resolveImage(store, ref);
  return resolution.kind === 'registered' ? resolution.image : await buildImage(store, resolution.recipe, watch);
}

/**
 * Always the same choice for the same images and recipes: without a version, the newest by number among the recipe's
 * and those that the home knows. @throws when there is none: `image-not-found`, with the known names and the nearest one.
 */
export async function resolveImage(store: ImageStore, ref: ImageRef): Promise<Resolution> {
  const recipe = await readRecipe(store.recipesFolder, ref.name);
  const registered = (await registeredImages(store)).filter((image) => image.ref.name === ref.name);
  const versions = registered.map((image) => image.ref.version);
  const version = ref.version ?? newestVersion(recipe === null ? versions : [...versions, recipe.version]);
  if (version !== null && version === recipe?.version) return await resolveRecipe(store, recipe);
  const image = registered.find((candidate) => candidate.ref.version === version);
  if (image !== undefined) return { kind: 'registered', image };
  throw await notFound(store, ref, recipe === null ? versions : [...versions, recipe.version]);
}

async function resolveRecipe(store: ImageStore, recipe: Recipe): Promise<Resolution> {
  const image = await registeredImage(store, recipe);
  const current = image?.fingerprint === (await recipeFingerprint(recipe, hostArchitecture()));
  return image !== null && current ? { kind: 'registered', image } : { kind: 'to-build', recipe };
}

async function notFound(store: ImageStore, ref: ImageRef, versions: readonly string[]): Promise<VmTaskError> {
  const wanted = `there is no image "${formatImageRef(ref)}"`;
  if (versions.length > 0) {
    return new VmTaskError(
      'image-not-found',
      `${wanted}; versions of ${ref.name} are ${versions.toSorted(compareVersions).join(', ')}`,
    );
  }
  const images = await registeredImages(store);
  const known = [
    ...new Set([...images.map((image) => image.ref.name), ...(await recipeNames(store.recipesFolder))]),
  ].sort();
  const near = nearest(ref.name, known);
  const hint = near === null ? '' : ` (did you mean "${near}"?)`;
  return new VmTaskError('image-not-found', `${wanted}${hint}; known are ${known.join(', ')}`);
}
