/** Snapshots as real processes make them: once, whole, or not at all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, link, mkdir, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { parseConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { cacheAt } from '@vm-task/shared/home';
import { eventually } from '@vm-task/testing/conditions';
import { beforeAll, expect, test } from 'vitest';
import { lendVms, prepareLimitMs, smallClass, type TestVms } from '../vms.ts';

const config = parseConfig('', 'the defaults');

beforeAll(async () => {
  await using vms = await lendVms();
  await vms.hypervisor.prepare(smallClass, () => {}, new AbortController().signal);
}, prepareLimitMs);

/** A cache of the home's own with the images that there are, and no snapshot. */
async function withOwnCache({ environment, home }: TestVms): Promise<Environment> {
  const cache = cacheAt(join(home.root, 'cache'));
  for (const image of await readdir(environment.cache.images)) {
    const [from, to] = [join(environment.cache.images, image), join(cache.images, image)];
    if (!/^[0-9a-f]{64}$/.test(image)) continue;
    await mkdir(to, { recursive: true });
    for (const file of await readdir(from)) await link(join(from, file), join(to, file));
  }
  return { ...environment, cache };
}

/** What is there of snapshots, finished or not; locks stay for ever. */
async function snapshotsIn({ cache }: Environment): Promise<string[]> {
  const names = await readdir(cache.snapshots).catch(() => []);
  return names.filter((name) => !name.endsWith('.lock'));
}

async function machinesOf({ cache }: Environment): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.startsWith('qemu-system') && line.includes(cache.root));
}

test('two who need the same snapshot at once make one, and a third who gives up meanwhile leaves nothing', async () => {
  await using vms = await lendVms();
  const environment = await withOwnCache(vms);
  const notes: string[] = [];
  const prepare = (signal: AbortSignal) =>
    createHypervisor({ environment, config }).prepare(smallClass, ({ note }) => notes.push(note), signal);
  const forever = new AbortController().signal;
  const impatience = new AbortController();
  const first = prepare(impatience.signal);
  await eventually(async () => (await machinesOf(environment)).length > 0, { what: 'the image boots' });
  const others = [prepare(forever), prepare(forever)];
  impatience.abort(new Error('takes too long'));
  await expect(first).rejects.toThrow('takes too long');
  await Promise.all(others);
  expect(notes.filter((note) => note.startsWith('froze'))).toHaveLength(1);
  expect(await snapshotsIn(environment)).toHaveLength(1);
  expect(await machinesOf(environment)).toEqual([]);
});

test('a process that is killed while it freezes leaves no machine, and the next one is not in its way', async () => {
  await using vms = await lendVms();
  const environment = await withOwnCache(vms);
  const script = `
    import { createHypervisor } from ${JSON.stringify(import.meta.resolve('@vm-task/hypervisor/create-hypervisor'))};
    import { parseConfig } from ${JSON.stringify(import.meta.resolve('@vm-task/service/config'))};
    import { readEnvironment } from ${JSON.stringify(import.meta.resolve('@vm-task/shared/environment'))};
    const hypervisor = createHypervisor({ environment: readEnvironment(), config: parseConfig('', 'the defaults') });
    await hypervisor.prepare(${JSON.stringify(smallClass)}, () => {}, new AbortController().signal);
  `;
  const env = { ...process.env, VM_TASK_HOME: environment.home.root, VM_TASK_CACHE: environment.cache.root };
  const freezer = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit', env });
  await eventually(async () => (await machinesOf(environment)).length > 0, { what: 'the image boots' });
  freezer.kill('SIGKILL');
  await once(freezer, 'exit');
  await eventually(async () => (await machinesOf(environment)).length === 0, { what: 'its machine has ended' });
  await createHypervisor({ environment, config }).prepare(smallClass, () => {}, new AbortController().signal);
  expect(await snapshotsIn(environment)).toHaveLength(1);
});

test('a VM that cannot be made leaves nothing, and the error has what QEMU said', async () => {
  await using vms = await lendVms();
  const environment = await withOwnCache(vms);
  const hypervisor = createHypervisor({ environment, config });
  await hypervisor.prepare(smallClass, () => {}, new AbortController().signal);
  const [key = ''] = await snapshotsIn(environment);
  const state = join(environment.cache.snapshots, key, 'state');
  await chmod(state, 0o644);
  await truncate(state, 100_000);
  const now = Date.now();
  const creation = hypervisor.create(
    smallClass,
    { poolMax: 1, hostMax: 1 },
    deadlineFrom(now + 60_000, now),
    new AbortController().signal,
  );
  await expect(creation).rejects.toThrow(/^QEMU ended before the guest went on\nQEMU says: .*(load|read|migration)/s);
  expect(await hypervisor.list()).toEqual([]);
  expect(await hypervisor.strays()).toEqual([]);
  expect(await readdir(join(vms.home.slots, 'host'))).toEqual([]);
});
