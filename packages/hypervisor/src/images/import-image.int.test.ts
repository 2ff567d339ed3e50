/** Against the real qemu-img: what it writes is what people bring. */
import { execFile } from 'node:child_process';
import { readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type LentStore, lendStore, unwatched } from '../../test/lend-store.ts';
import type { DiskFormat } from './disk-formats.ts';
import { type Image, imageDisk } from './image.ts';
import { parseImageVersion } from './image-ref.ts';
import { registeredImage, registeredRefs } from './image-store.ts';
import { importImage } from './import-image.ts';

const run = promisify(execFile);
const qemuImg = (...args: string[]) => run('qemu-img', args);
const runtimes = { shell: ['/bin/sh'] };
const uidBase = 1_879_048_192;

function importAs(lent: LentStore, name: string, file: string, format: DiskFormat): Promise<Image> {
  return importImage(lent.store, { ref: parseImageVersion(name), file, format, runtimes, uidBase }, unwatched);
}

/** The import is refused with all of these words, and nothing of it stays. */
async function expectRefused(lent: LentStore, file: string, format: DiskFormat, ...words: (string | RegExp)[]) {
  const refusal = importAs(lent, 'mine@1', file, format);
  await expect(refusal).rejects.toMatchObject({ code: 'image-refused' });
  for (const word of words) await expect(refusal).rejects.toThrow(word);
  expect(await registeredRefs(lent.store)).toEqual([]);
  const left = await readdir(lent.store.cache.images).catch(() => []);
  expect(left.filter((name) => !name.startsWith('.lock-'))).toEqual([]);
}

test('a raw disk becomes a read-only qcow2 of ours with the same content', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.img');
  await writeFile(file, 'boot sector');
  await truncate(file, 8 * 1024 * 1024);
  const image = await importAs(lent, 'mine@1.2', file, 'raw');
  expect(image).toMatchObject({
    ref: { name: 'mine', version: '1.2' },
    folder: join(lent.store.home.images, 'mine@1.2'),
    boot: { kind: 'firmware' },
    virtualSizeMiB: 8,
    source: 'import',
    runtimes,
  });
  expect(await registeredImage(lent.store, image.ref)).toEqual(image);
  await qemuImg('compare', '-f', 'raw', '-F', 'qcow2', file, imageDisk(image));
  expect((await stat(imageDisk(image))).mode & 0o777).toBe(0o444);
});

test('a qcow2 disk is copied too: altering the original alters nothing', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  await qemuImg('create', '-f', 'qcow2', file, '16M');
  const image = await importAs(lent, 'mine@1', file, 'qcow2');
  await writeFile(file, 'something else');
  await qemuImg('check', '-f', 'qcow2', imageDisk(image));
  expect(image.virtualSizeMiB).toBe(16);
});

test('a disk with a backing file is refused: it would bring a file of the host into a guest', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  await qemuImg('create', '-f', 'qcow2', '-u', '-b', '/etc/hostname', '-F', 'raw', file, '16M');
  await expectRefused(lent, file, 'qcow2', 'the difference to another file, "/etc/hostname"', 'qemu-img convert');
});

test('a disk whose content is in another file is refused', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  await qemuImg('create', '-f', 'qcow2', '-o', `data_file=${lent.folder}/data`, file, '16M');
  await expectRefused(lent, file, 'qcow2', `its content is in another file, "${lent.folder}/data"`);
});

test('an encrypted disk is refused', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  const luks = ['-o', 'encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10'];
  await qemuImg('create', '--object', 'secret,id=key,data=abc', '-f', 'qcow2', ...luks, file, '16M');
  await expectRefused(lent, file, 'qcow2', 'it is encrypted');
});

test('a disk of absurd size is refused with its size and the limit', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  await qemuImg('create', '-f', 'qcow2', file, '1P');
  await expectRefused(lent, file, 'qcow2', 'has 1073741824 MiB and may have 262144');
});

test('a raw file of absurd size is refused, however little of it is written', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.img');
  await writeFile(file, '');
  await truncate(file, 2 ** 39);
  await expectRefused(lent, file, 'raw', 'has 524288 MiB and may have 262144');
});

test('an empty file is refused', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'empty');
  await writeFile(file, '');
  await expectRefused(lent, file, 'raw', 'less than 1 MiB');
});

test('the format is the stated one: a qcow2 stated to be raw, and the reverse, are refused', async () => {
  await using lent = await lendStore();
  const qcow2 = join(lent.folder, 'disk.qcow2');
  await qemuImg('create', '-f', 'qcow2', qcow2, '16M');
  await expectRefused(lent, qcow2, 'raw', 'begins like a qcow2 file; say --format qcow2');
  const raw = join(lent.folder, 'disk.img');
  await writeFile(raw, Buffer.alloc(2 * 1024 * 1024));
  await expectRefused(lent, raw, 'qcow2', 'cannot read it as qcow2', raw);
});

test('what is no file is refused', async () => {
  await using lent = await lendStore();
  await expectRefused(lent, join(lent.folder, 'nothing'), 'raw', 'cannot be read');
  await expectRefused(lent, lent.folder, 'raw', 'is not a file');
  await symlink('/dev/zero', join(lent.folder, 'zero'));
  await expectRefused(lent, join(lent.folder, 'zero'), 'raw', 'is not a file');
});

test('names of recipes and versions that are there already are refused', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  await qemuImg('create', '-f', 'qcow2', file, '16M');
  await importAs(lent, 'mine@1', file, 'qcow2');
  await expect(importAs(lent, 'mine@1', file, 'qcow2')).rejects.toThrow('mine@1 is there already');
  await importAs(lent, 'mine@1.1', file, 'qcow2');
  await lent.writeRecipe('base', 'name: base\nversion: "1"\nsuite: bookworm\n');
  await expect(importAs(lent, 'base@2', file, 'qcow2')).rejects.toThrow('"base" is the name of a recipe');
});

test('an aborted import leaves nothing', async () => {
  await using lent = await lendStore();
  const file = join(lent.folder, 'disk.qcow2');
  await qemuImg('create', '-f', 'qcow2', file, '16M');
  const stop = new AbortController();
  const report = () => stop.abort(new Error('enough'));
  const request = { ref: parseImageVersion('mine@1'), file, format: 'qcow2' as const, runtimes, uidBase };
  await expect(importImage(lent.store, request, { report, signal: stop.signal })).rejects.toThrow('enough');
  expect(await registeredRefs(lent.store)).toEqual([]);
  expect((await readdir(lent.store.cache.images)).filter((name) => !name.startsWith('.lock-'))).toEqual([]);
});
