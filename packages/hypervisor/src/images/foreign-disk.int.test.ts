/** With a stand-in for qemu-img that says what it is and tries what a disk that took it over would. */
import { link, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '@vm-task/testing/needs';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test, vi } from 'vitest';
import { processesOf, releaseUids } from '../host/uids.ts';
import { type ForeignDisk, handOver, hasNamespaces, reserveReader, takeBack, tryInJail } from './foreign-disk.ts';

const signal = new AbortController().signal;

async function lendDisk() {
  const root = await makeTempFolder('foreign');
  const reader = await reserveReader(1_879_048_192, root.path);
  const isolated = await hasNamespaces(reader, signal);
  const foreign: ForeignDisk = { folder: join(root.path, 'foreign'), reader, isolated };
  await mkdir(foreign.folder, { mode: 0o700 });
  await writeFile(join(foreign.folder, 'source'), '', { mode: 0o600 });
  await handOver(foreign, 'source');
  return {
    ...root,
    root: root.path,
    foreign,
    async [Symbol.asyncDispose]() {
      await releaseUids(root.path);
      await root[Symbol.asyncDispose]();
    },
  };
}

/** What a program in qemu-img's place is: the words that a shell prints there. */
async function seenFromInside(foreign: ForeignDisk, script: string): Promise<string> {
  return (await tryInJail(['sh', '-c', script], foreign, signal)).stdout;
}

needs.root(test)('qemu-img is a user of its own without capabilities, privileges and network', async () => {
  await using lent = await lendDisk();
  const script =
    'id -u; id -G; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status; cat /proc/net/dev | tail -n +3 | cut -d: -f1';
  const { uid } = lent.foreign.reader ?? { uid: -1 };
  const said = await seenFromInside(lent.foreign, script);
  expect(said.split('\n').map((line) => line.trim().replace(/\s+/g, ' '))).toEqual([
    `${uid}`,
    `${uid}`,
    'CapEff: 0000000000000000',
    'CapBnd: 0000000000000000',
    'NoNewPrivs: 1',
    'lo',
    '',
  ]);
});

test('it has limits, and nothing of our environment', async () => {
  vi.stubEnv('A_SECRET_OF_OURS', 'value');
  await using lent = await lendDisk();
  const said = await seenFromInside(
    lent.foreign,
    'ulimit -c; ulimit -v; ulimit -t; ulimit -n; env | cut -d= -f1 | sort',
  );
  expect(said).toBe('0\n8388608\n3600\n64\nPATH\nPWD\nTMPDIR\n');
});

needs.root(test)('where there can be no namespaces, it is that user without capabilities all the same', async () => {
  await using lent = await lendDisk();
  const said = await seenFromInside({ ...lent.foreign, isolated: false }, 'id -u; grep CapBnd /proc/self/status');
  expect(said).toBe(`${lent.foreign.reader?.uid}\nCapBnd:\t0000000000000000\n`);
});

async function expectNothingLingers(foreign: ForeignDisk): Promise<void> {
  const lingers = `perl -e 'open F, ">pid"; print F $$; close F; sleep 1000'`;
  await seenFromInside(foreign, `setsid ${lingers} >/dev/null 2>&1 </dev/null & until [ -s pid ]; do :; done`);
  const pid = await readFile(join(foreign.folder, 'pid'), 'utf8');
  expect(pid).toMatch(/^[0-9]+$/);
  expect(await processesOf(foreign.reader?.uid ?? 0)).toEqual([]);
}

needs.root(test)('what it leaves running ends with it', async () => {
  await using lent = await lendDisk();
  await expectNothingLingers(lent.foreign);
});

needs.root(test)(
  'the same where there can be no namespaces, so that nothing alters the disk that was looked at',
  async () => {
    await using lent = await lendDisk();
    await expectNothingLingers({ ...lent.foreign, isolated: false });
  },
);

needs.root(test)('two who read at once are two users', async () => {
  await using one = await lendDisk();
  await using other = await lendDisk();
  expect(one.foreign.reader).not.toEqual(other.foreign.reader);
});

needs.root(test)('aborted, it is gone at once, although the first process of a namespace ignores SIGTERM', async () => {
  await using lent = await lendDisk();
  const stop = new AbortController();
  const endless = tryInJail(['sh', '-c', 'sleep 1000'], lent.foreign, stop.signal);
  stop.abort(new Error('enough'));
  await expect(endless).rejects.toThrow('enough');
});

needs.root(test)('a link in place of the disk is refused, and what it leads to is left alone', async () => {
  await using lent = await lendDisk();
  const other = join(lent.root, 'other');
  await writeFile(other, 'of the host', { mode: 0o600 });
  await symlink(other, join(lent.foreign.folder, 'a'));
  await link(other, join(lent.foreign.folder, 'b'));
  await mkdir(join(lent.foreign.folder, 'c'));
  for (const [name, why] of [
    ['a', 'a link'],
    ['b', 'a second name'],
    ['c', 'something else'],
  ] as const) {
    await expect(takeBack(lent.foreign, name, join(lent.root, 'disk'))).rejects.toThrow(why);
  }
  expect([await readFile(other, 'utf8'), (await stat(other)).mode & 0o777]).toEqual(['of the host', 0o600]);
});
