import { execFile } from 'node:child_process';
import { link, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newVmId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { type LentStore, lendStore, unwatched } from '../../test/lend-store.ts';
import { ensureImage } from './ensure-image.ts';
import { type Image, imageDisk } from './image.ts';
import { formatImageRef, parseImageRef, parseImageVersion } from './image-ref.ts';
import { type ImageStore, registeredRefs } from './image-store.ts';
import { importImage } from './import-image.ts';
import { listImages } from './list-images.ts';
import { removeImage } from './remove-image.ts';

const run = promisify(execFile);

async function importEmpty(lent: LentStore, store: ImageStore, name: string): Promise<Image> {
  const file = join(lent.folder, 'disk.qcow2');
  await run('qemu-img', ['create', '-f', 'qcow2', file, '16M']);
  const runtimes = { shell: ['/bin/sh'] };
  const request = {
    ref: parseImageVersion(name),
    file,
    format: 'qcow2',
    runtimes,
    uidBase: 1_879_048_192,
  } as const;
  return await importImage(store, request, unwatched);
}

const remove = (store: ImageStore, name: string) => removeImage(store, parseImageVersion(name), unwatched);

const cached = async (store: ImageStore) => (await readdir(store.cache.images)).filter((name) => !name.startsWith('.'));

test('removing takes exactly that version, and its bytes when nobody else has them', async () => {
  await using lent = await lendStore();
  for (const name of ['mine@3.9', 'mine@3.10', 'other@3.9']) await importEmpty(lent, lent.store, name);
  expect(await remove(lent.store, 'mine@3.9')).toMatchObject({ kind: 'freed' });
  const left = (await registeredRefs(lent.store)).map(formatImageRef);
  expect(left.sort()).toEqual(['mine@3.10', 'other@3.9']);
  expect(await cached(lent.store)).toHaveLength(2);
});

test('an image that a VM runs from is not removed, and the VM is named', async () => {
  await using lent = await lendStore();
  const image = await importEmpty(lent, lent.store, 'mine@1');
  const vm = newVmId(Date.now());
  await mkdir(lent.store.home.vm(vm).run, { recursive: true });
  await link(imageDisk(image), join(lent.store.home.vm(vm).run, 'base.qcow2'));
  await importEmpty(lent, lent.store, 'mine@2');
  const refusal = remove(lent.store, 'mine@1');
  await expect(refusal).rejects.toMatchObject({ code: 'image-in-use' });
  await expect(refusal).rejects.toThrow(`mine@1 is in use by ${vm}`);
  expect(await ensureImage(lent.store, parseImageRef('mine@1'), unwatched)).toEqual(image);
  expect(await listImages(lent.store)).toMatchObject([{ usedBy: [vm] }, { usedBy: [] }]);
  await expect(remove(lent.store, 'mine@2')).resolves.toMatchObject({ kind: 'freed' });
});

test('what another home or a snapshot has stays in the cache until the last of them lets go', async () => {
  await using lent = await lendStore();
  const other = await lent.otherHome();
  await importEmpty(lent, lent.store, 'mine@1');
  const theirs = await importEmpty(lent, other, 'mine@1');
  expect(await remove(lent.store, 'mine@1')).toEqual({ kind: 'shared', links: 1 });
  expect(await registeredRefs(other)).toEqual([theirs.ref]);
  expect(await cached(other)).toEqual([theirs.fingerprint]);
  expect(await remove(other, 'mine@1')).toMatchObject({ kind: 'freed' });
  expect(await cached(other)).toEqual([]);
});

test('removing what is not there lists what is', async () => {
  await using lent = await lendStore();
  await expect(remove(lent.store, 'mine@1')).rejects.toThrow('there is no image mine@1 to remove; this home has none');
  await importEmpty(lent, lent.store, 'mine@2');
  const refusal = remove(lent.store, 'mine@1');
  await expect(refusal).rejects.toMatchObject({ code: 'image-not-found' });
  await expect(refusal).rejects.toThrow('this home has mine@2');
});

test('a name without a version is the newest by number, and an unknown one names the nearest', async () => {
  await using lent = await lendStore();
  for (const name of ['mine@3.9', 'mine@3.10', 'mine@2']) await importEmpty(lent, lent.store, name);
  await lent.writeRecipe('base', 'name: base\nversion: "1"\nsuite: bookworm\n');
  const ensure = (name: string) => ensureImage(lent.store, parseImageRef(name), unwatched);
  expect((await ensure('mine')).ref.version).toBe('3.10');
  expect((await ensure('mine@2')).ref.version).toBe('2');
  await expect(ensure('mime')).rejects.toThrow('there is no image "mime" (did you mean "mine"?); known are base, mine');
  await expect(ensure('mine@4')).rejects.toThrow('there is no image "mine@4"; versions of mine are 2, 3.9, 3.10');
  const listed = (await listImages(lent.store)).map(({ ref, state }) => `${formatImageRef(ref)} ${state}`);
  expect(listed).toEqual(['base@1 to-build', 'mine@2 ready', 'mine@3.9 ready', 'mine@3.10 ready']);
});
