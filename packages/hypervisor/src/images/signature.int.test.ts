/** What a home does not run: an image that somebody altered, or put there, without the home's key. */
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type LentStore, lendStore, unwatched } from '../../test/lend-store.ts';
import { checkImage } from './check-image.ts';
import { ensureImage } from './ensure-image.ts';
import { parseImageRef, parseImageVersion } from './image-ref.ts';
import { type ImageStore, type RegisteredImage, registeredImage } from './image-store.ts';
import { importImage } from './import-image.ts';
import { listImages } from './list-images.ts';
import { removeImage } from './remove-image.ts';
import { requireUnaltered, signatureName } from './signature.ts';

const { signal } = unwatched;
const one = parseImageRef('mine@1');

async function importEmpty(lent: LentStore, store: ImageStore, name: string): Promise<RegisteredImage> {
  const file = join(lent.folder, `${name}.qcow2`);
  await promisify(execFile)('qemu-img', ['create', '-f', 'qcow2', file, '16M']);
  const uidBase = 1_879_048_192;
  const request = { ref: parseImageVersion(name), file, format: 'qcow2', runtimes: { shell: ['/bin/sh'] }, uidBase };
  return await importImage(store, { ...request, format: 'qcow2' }, unwatched);
}

async function alter(path: string, alter: (bytes: Buffer) => Buffer): Promise<void> {
  const bytes = alter(await readFile(path));
  await rm(path);
  await writeFile(path, bytes, { mode: 0o444 });
}

test('every file of an image is signed by a key that nobody else can read, and each use finds it so', async () => {
  await using lent = await lendStore();
  const image = await importEmpty(lent, lent.store, 'mine@1');
  expect(Object.keys(image.files)).toEqual(['disk.qcow2', 'image.json']);
  expect((await stat(lent.store.home.imagesKey)).mode & 0o777).toBe(0o600);
  expect(await ensureImage(lent.store, one, unwatched)).toEqual(image);
  await requireUnaltered(image.folder, image.files, signal);
  expect(await checkImage(lent.store, one, signal)).toBe('whole');
});

test.each([
  ['its manifest is another one', 'image.json', (bytes: Buffer) => Buffer.from(bytes.toString().replace('16', '32'))],
  [
    'its signature was made of other files',
    signatureName,
    (bytes: Buffer) => Buffer.from(bytes.toString().replace(/[0-9a-f]{64}/, '0'.repeat(64))),
  ],
  ['it has no signature that can be read', signatureName, () => Buffer.from('{}')],
])('an image is not used when %s; it is listed, and can be removed', async (_what, name, change) => {
  await using lent = await lendStore();
  const image = await importEmpty(lent, lent.store, 'mine@1');
  await importEmpty(lent, lent.store, 'other@1');
  await alter(join(image.folder, name), change);
  await expect(ensureImage(lent.store, one, unwatched)).rejects.toMatchObject({ code: 'image-altered' });
  await expect(checkImage(lent.store, one, signal)).rejects.toThrow(image.folder);
  await ensureImage(lent.store, parseImageRef('other'), unwatched);
  const listed = await listImages(lent.store);
  expect(listed.map(({ state }) => state)).toEqual(['unusable', 'ready']);
  await removeImage(lent.store, image.ref, unwatched);
  expect(await registeredImage(lent.store, image.ref)).toBeNull();
});

test('a disk with one byte changed is found before it boots and by the check', async () => {
  await using lent = await lendStore();
  const image = await importEmpty(lent, lent.store, 'mine@1');
  await alter(join(image.folder, 'disk.qcow2'), (bytes) => {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return bytes;
  });
  await expect(requireUnaltered(image.folder, image.files, signal)).rejects.toThrow(
    'disk.qcow2 is not what this home has signed',
  );
  await expect(checkImage(lent.store, one, signal)).rejects.toMatchObject({ code: 'image-altered' });
});

test('an image of another home, put there by hand, is not used', async () => {
  await using lent = await lendStore();
  const other = await lent.otherHome();
  const theirs = await importEmpty(lent, other, 'mine@1');
  await importEmpty(lent, lent.store, 'other@1');
  await cp(theirs.folder, join(lent.store.home.images, 'mine@1'), { recursive: true });
  await expect(ensureImage(lent.store, one, unwatched)).rejects.toThrow('its signature is not of this home');
});

test('a home of before there were signatures signs what it has, once', async () => {
  await using lent = await lendStore();
  const { folder, files } = await importEmpty(lent, lent.store, 'mine@1');
  await rm(lent.store.home.imagesKey);
  await rm(join(folder, signatureName));
  expect((await ensureImage(lent.store, one, unwatched)).files).toEqual(files);
  const added = join(lent.store.home.images, 'added@1');
  await mkdir(added);
  for (const name of Object.keys(files)) {
    await copyFile(join(folder, name), join(added, name));
    await chmod(join(added, name), 0o444);
  }
  await expect(ensureImage(lent.store, parseImageRef('added@1'), unwatched)).rejects.toThrow('it is not signed');
});
