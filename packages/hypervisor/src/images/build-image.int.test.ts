/** Who builds, who waits and what is left, with a system of two files in place of Debian's packages; those are in `test/e2e/images`. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { childEnvironment } from '@vm-task/shared/environment';
import { eventually } from '@vm-task/testing/conditions';
import { afterEach, expect, test, vi } from 'vitest';
import { type LentStore, lendStore } from '../../test/lend-store.ts';
import { ensureImage } from './ensure-image.ts';
import { imageDisk } from './image.ts';
import { parseImageRef } from './image-ref.ts';
import type { Watch } from './image-store.ts';

const ref = parseImageRef('small');
const recipe = 'name: small\nversion: "1.0"\nsuite: bookworm\nruntimes: { shell: [/bin/sh] }\n';

/** Says what mmdebstrap says, and makes the system when the file `go` is there. */
const standIn = `#!/bin/sh
set -eu
if [ "$1" = --unshare-helper ]; then shift; exec "$@"; fi
echo 'I: running apt-get update...' >&2
until [ -e "\${0%/*}/go" ]; do sleep 0.05; done
until [ "$1" = bookworm ]; do shift; done
mkdir -p "$2/etc"
echo vm >"$2/etc/hostname"
echo kernel >vmlinuz
echo initrd >initrd.img
`;

afterEach(() => {
  vi.unstubAllEnvs();
});

async function lendBuilder(): Promise<LentStore & { go: () => Promise<void> }> {
  const lent = await lendStore();
  await lent.writeRecipe('small', recipe);
  await writeFile(join(lent.folder, 'mmdebstrap'), standIn, { mode: 0o755 });
  vi.stubEnv('PATH', `${lent.folder}${delimiter}${childEnvironment({})['PATH']}`);
  return { ...lent, go: () => writeFile(join(lent.folder, 'go'), '') };
}

/** Collects what is said. */
function watched(): Watch & {
  readonly notes: string[];
  readonly stop: AbortController;
  said(words: string): Promise<void>;
} {
  const stop = new AbortController();
  const notes: string[] = [];
  const said = async (words: string) => {
    await eventually(() => notes.join('\n').includes(words), { what: `it says ${words}` });
  };
  return { notes, stop, said, report: ({ note }) => notes.push(note), signal: stop.signal };
}

test('a build that is aborted leaves nothing', async () => {
  await using lent = await lendBuilder();
  const watch = watched();
  const building = ensureImage(lent.store, ref, watch);
  await watch.said('reading package lists');
  watch.stop.abort(new Error('enough'));
  await expect(building).rejects.toThrow('enough');
  expect((await readdir(lent.store.cache.images)).filter((name) => !name.startsWith('.lock-'))).toEqual([]);
  expect(await readdir(lent.store.home.root)).toEqual([]);
});

test('of two who build at once one builds, the other waits and has the same files; later nothing is built', async () => {
  await using lent = await lendBuilder();
  const other = await lent.otherHome();
  const [first, second] = [watched(), watched()];
  const building = ensureImage(lent.store, ref, first);
  await first.said('reading package lists');
  const waiting = ensureImage(other, ref, second);
  await second.said('waiting for another process that works on the image');
  await lent.go();
  const [image, same] = await Promise.all([building, waiting]);
  expect(second.notes).toHaveLength(1);
  const [disk, sameDisk] = [await stat(imageDisk(image)), await stat(imageDisk(same))];
  // The cache and two homes.
  expect([disk.ino, disk.nlink]).toEqual([sameDisk.ino, 3]);
  const again = watched();
  expect(await ensureImage(lent.store, ref, again)).toEqual(image);
  expect(again.notes).toEqual([]);
});
