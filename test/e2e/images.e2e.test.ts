/** One real build: about half a minute of Debian packages. What needs no build is tested beside its code. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureImage } from '@vm-task/hypervisor/images/ensure-image';
import { imageDisk } from '@vm-task/hypervisor/images/image';
import { parseImageRef } from '@vm-task/hypervisor/images/image-ref';
import type { ImageStore, Watch } from '@vm-task/hypervisor/images/image-store';
import { cacheAt, homeAt } from '@vm-task/shared/home';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
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
    recipesFolder: join(process.cwd(), 'images'),
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
  expect(waited).toMatchObject([{ notes: ['waiting for another process that has the image in hand'] }]);
  const [disk, sameDisk] = [await stat(imageDisk(image)), await stat(imageDisk(same))];
  // The cache and two homes.
  expect([disk.ino, disk.nlink]).toEqual([sameDisk.ino, 3]);
  const again = watched();
  expect(await ensureImage(ours, ref, again)).toEqual(image);
  expect(again.notes).toEqual([]);
});

it('an image holds no host key, no machine-id and no password', async () => {
  const image = await ensureImage(await storeAt('ours'), ref, watched());
  const raw = join(folder.path, 'disk.raw');
  await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', imageDisk(image), raw]);
  const look = async (command: string) => (await run('/usr/sbin/debugfs', ['-R', command, raw])).stdout;
  expect(await look('ls -p /etc/ssh')).not.toContain('ssh_host');
  expect(await look('cat /etc/machine-id')).toBe('');
  expect(await look('cat /etc/shadow')).toMatch(/^root:\*:/);
  expect((await look('cat /etc/shadow')).split('\n').filter((line) => /:\$/.test(line))).toEqual([]);
});
