/** Real builds from nothing, with Debian's packages: minutes. What needs none is tested beside the code. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureImage } from '@vm-task/hypervisor/images/ensure-image';
import { imageDisk } from '@vm-task/hypervisor/images/image';
import { parseImageRef } from '@vm-task/hypervisor/images/image-ref';
import type { ImageStore, Watch } from '@vm-task/hypervisor/images/image-store';
import { recipeNames } from '@vm-task/hypervisor/images/recipe';
import { recipesFolder } from '@vm-task/hypervisor/images/recipes-folder';
import { cacheAt, homeAt } from '@vm-task/shared/home';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ref = parseImageRef('base');

let folder: TempFolder;

beforeAll(async () => {
  folder = await makeTempFolder('images');
});

afterAll(() => folder[Symbol.asyncDispose]());

/** A home of its own; all of them share one cache. */
async function storeAt(name: string): Promise<ImageStore> {
  const root = join(folder.path, name);
  await mkdir(root, { recursive: true });
  return {
    home: homeAt(root),
    cache: cacheAt(join(folder.path, 'cache')),
    recipesFolder,
  };
}

/** Collects what is said; `onNote` may stop it. */
function watched(onNote: (note: string, stop: AbortController) => void = () => {}): Watch & { notes: string[] } {
  const stop = new AbortController();
  const notes: string[] = [];
  const report: Watch['report'] = ({ note }) => {
    notes.push(note);
    onNote(note, stop);
  };
  return { notes, report, signal: stop.signal };
}

it('a build that is aborted leaves nothing', async () => {
  const store = await storeAt('aborted');
  const watch = watched((note, stop) => {
    if (note.includes('installing')) stop.abort(new Error('enough'));
  });
  await expect(ensureImage(store, ref, watch)).rejects.toThrow('enough');
  expect((await readdir(store.cache.images)).filter((name) => !name.startsWith('.lock-'))).toEqual([]);
  expect(await readdir(store.home.root)).toEqual([]);
});

it('of two who build at once one builds, the other waits and has the same files; later nothing is built', async () => {
  const [ours, theirs] = [await storeAt('ours'), await storeAt('theirs')];
  const [ourWatch, theirWatch] = [watched(), watched()];
  const [image, same] = await Promise.all([ensureImage(ours, ref, ourWatch), ensureImage(theirs, ref, theirWatch)]);
  const waited = [ourWatch, theirWatch].filter(({ notes }) => notes.length === 1);
  expect(waited).toMatchObject([{ notes: ['waiting for another process that works on the image'] }]);
  const [disk, sameDisk] = [await stat(imageDisk(image)), await stat(imageDisk(same))];
  // The cache and two homes.
  expect([disk.ino, disk.nlink]).toEqual([sameDisk.ino, 3]);
  const again = watched();
  expect(await ensureImage(ours, ref, again)).toEqual(image);
  expect(again.notes).toEqual([]);
});

it('every recipe builds', async () => {
  const store = await storeAt('all');
  for (const name of await recipeNames(recipesFolder)) {
    const image = await ensureImage(store, parseImageRef(name), watched());
    expect((await stat(imageDisk(image))).size).toBeGreaterThan(50 * 1024 * 1024);
  }
});
