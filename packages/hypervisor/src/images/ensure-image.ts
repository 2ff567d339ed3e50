import { VmTaskError } from '@vm-task/shared/errors';
import { nearest } from '@vm-task/shared/unknown-keys';
import { compareVersions } from '@vm-task/shared/versions';
import { hostArchitecture } from './architecture.ts';
import { buildImage } from './build-image.ts';
import { recipeFingerprint } from './fingerprint.ts';
import type { ImageRef } from './image.ts';
import { formatImageRef } from './image-ref.ts';
import { type ImageStore, type RegisteredImage, registeredImage, registeredRefs, type Watch } from './image-store.ts';
import { type Recipe, readRecipe, recipeNames } from './recipe.ts';
import { newestVersion } from './version.ts';

/** What a name stands for at this moment. */
export type Resolution =
  | { readonly kind: 'registered'; readonly image: RegisteredImage }
  /** Not built yet, or what it is made of has changed since. */
  | { readonly kind: 'to-build'; readonly recipe: Recipe };

/** The image of that name, built first if it must be. @throws when there is none: `image-not-found`; `image-altered`. */
export async function ensureImage(store: ImageStore, ref: ImageRef, watch: Watch): Promise<RegisteredImage> {
  const resolution = await resolveImage(store, ref);
  if (resolution.kind === 'registered') return resolution.image;
  const { ref: built } = await buildImage(store, resolution.recipe, watch);
  const image = await registeredImage(store, built);
  if (image !== null) return image;
  throw await notFound(store, ref, []);
}

/**
 * Always the same choice for the same images and recipes: without a version, the newest by number among the recipe's
 * and those that the home knows. @throws when there is none: `image-not-found`, with the known names and the nearest one.
 */
export async function resolveImage(store: ImageStore, ref: ImageRef): Promise<Resolution> {
  const recipe = await readRecipe(store.recipesFolder, ref.name);
  const known = (await registeredRefs(store)).filter(({ name }) => name === ref.name);
  const versions = known.map(({ version }) => version);
  const version = ref.version ?? newestVersion(recipe === null ? versions : [...versions, recipe.version]);
  if (version !== null && version === recipe?.version) return await resolveRecipe(store, recipe);
  const image = version === null ? null : await registeredImage(store, { name: ref.name, version });
  if (image !== null) return { kind: 'registered', image };
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
  const refs = await registeredRefs(store);
  const known = [...new Set([...refs.map(({ name }) => name), ...(await recipeNames(store.recipesFolder))])].sort();
  const near = nearest(ref.name, known);
  const hint = near === null ? '' : ` (did you mean "${near}"?)`;
  return new VmTaskError('image-not-found', `${wanted}${hint}; known are ${known.join(', ')}`);
}
