import { execFile } from 'node:child_process';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { lendStore, unwatched } from '../../test/lend-store.ts';
import { checkImage } from './check-image.ts';
import { imageDisk } from './image.ts';
import { parseImageRef, parseImageVersion } from './image-ref.ts';
import { importImage } from './import-image.ts';

const { signal } = unwatched;
const ref = parseImageRef('mine');

test('an image is whole until something of it is lost or spoilt', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  await promisify(execFile)('qemu-img', ['create', '-f', 'qcow2', file, '16M']);
  const wanted = {
    ref: parseImageVersion('mine@1'),
    runtimes: { shell: ['/bin/sh'] },
    uidBase: 1_879_048_192,
  };
  const image = await importImage(lent.store, { ...wanted, file, format: 'qcow2' }, unwatched);
  expect(await checkImage(lent.store, ref, signal)).toBe('whole');
  const disk = imageDisk(image);
  await chmod(disk, 0o600);
  await writeFile(disk, 'no disk any more');
  await expect(checkImage(lent.store, ref, signal)).rejects.toMatchObject({ code: 'image-altered' });
  await rm(disk);
  await expect(checkImage(lent.store, ref, signal)).rejects.toThrow('disk.qcow2 is not what this home has signed');
});

test('an image that nobody knows, and no recipe makes, is an error', async () => {
  await using lent = await lendStore();
  await expect(checkImage(lent.store, ref, signal)).rejects.toMatchObject({ code: 'image-not-found' });
});
