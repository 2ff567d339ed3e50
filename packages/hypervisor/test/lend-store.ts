import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheAt, homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import type { ImageStore, Watch } from '../src/images/image-store.ts';

export interface LentStore extends AsyncDisposable {
  readonly store: ImageStore;
  /** For files of the test's own. */
  readonly folder: string;
  /** The same cache and recipes for another home. */
  otherHome(): Promise<ImageStore>;
  writeRecipe(name: string, yaml: string | Buffer): Promise<void>;
}

/** An empty home, cache and recipes folder. */
export async function lendStore(): Promise<LentStore> {
  const folder = await makeTempFolder('images');
  const homeNamed = async (name: string): Promise<ImageStore> => {
    const root = join(folder.path, name);
    await mkdir(root);
    return {
      home: homeAt(root),
      cache: cacheAt(join(folder.path, 'cache')),
      recipesFolder: join(folder.path, 'recipes'),
    };
  };
  const store = await homeNamed('home');
  await mkdir(store.recipesFolder);
  return {
    store,
    folder: folder.path,
    otherHome: () => homeNamed('other-home'),
    writeRecipe: async (name, yaml) => {
      await mkdir(join(store.recipesFolder, name), { recursive: true });
      await writeFile(join(store.recipesFolder, name, 'recipe.yaml'), yaml);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Nobody is told anything, and nothing is stopped. */
export const unwatched: Watch = { report: () => {}, signal: new AbortController().signal };
