/** The driver's promises on real VMs (I5, I6, I12). Nothing is left after each test: `lendVms` sees to it. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import type { ReadyVm } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { parseConfig } from '@vm-task/service/config';
import { newTaskId } from '@vm-task/shared/new-ids';
import { eventually } from '@vm-task/testing/conditions';
import { beforeAll, expect, test } from 'vitest';
import { qemuProcess } from './qemu-process.ts';
import { lendVms, prepareLimitMs, smallClass, type TestVms } from './vms.ts';

beforeAll(async () => {
  await using vms = await lendVms();
  await vms.hypervisor.prepare(smallClass, () => {}, new AbortController().signal);
}, prepareLimitMs);

/** All that a VM has on the host, by other means than the driver's. */
async function traces({ home }: TestVms, vm: ReadyVm): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  const processes = (await Promise.all(lines)).filter((line) => line.includes(vm.id));
  const folders = await readdir(home.root, { recursive: true });
  const sockets = await readFile('/proc/net/tcp', 'utf8');
  const listening = sockets.includes(`0100007F:${vm.access.port.toString(16).toUpperCase().padStart(4, '0')} 00000000`);
  return [...processes, ...folders.filter((path) => path.includes(vm.id)), ...(listening ? ['port'] : [])];
}

test('two clones made at once have nothing of an identity in common, and the right time', async () => {
  await using vms = await lendVms();
  const clones = await Promise.all([vms.ready(), vms.ready()]);
  const look =
    'cat /etc/machine-id; hostname; head -c 64 /dev/urandom | sha256sum; cat /etc/ssh/ssh_host_ed25519_key.pub';
  const looks = await Promise.all(clones.map(async (vm) => (await vms.ssh(vm, look)).split('\n')));
  for (const [first, second] of [0, 1, 2, 3].map((line) => looks.map((lines) => lines[line]))) {
    expect(first).toBeTruthy();
    expect(first).not.toBe(second);
  }
  expect(looks.map(([, hostname]) => hostname)).toEqual(clones.map(({ id }) => id));
  for (const vm of clones) {
    const askedAt = Date.now();
    const guestMs = Number(await vms.ssh(vm, 'date +%s%3N'));
    expect(guestMs).toBeGreaterThan(askedAt - 1_000);
    expect(guestMs).toBeLessThan(Date.now() + 1_000);
  }
});

test('a full pool makes nothing, and has room again after a removal', async () => {
  await using vms = await lendVms();
  const [first] = [await vms.ready(), await vms.ready()];
  expect(await vms.create()).toEqual({ kind: 'full', limit: 'pool', max: 2 });
  await vms.hypervisor.destroy(first.id, 'room is needed');
  expect(await traces(vms, first)).toEqual([]);
  expect(await vms.create()).toMatchObject({ kind: 'ready' });
});

test('a VM is claimed once, and by nobody when it is going', async () => {
  await using vms = await lendVms();
  const now = Date.now();
  const claim = { task: newTaskId(now), attempt: 1, deadline: deadlineFrom(now + 60_000, now) };
  const [taken, ended] = await Promise.all([vms.ready(), vms.ready()]);
  expect(await vms.hypervisor.claim(taken.id, claim)).toBe(true);
  expect(await vms.hypervisor.claim(taken.id, claim)).toBe(false);
  await vms.hypervisor.end(ended.id, 'too old');
  expect(await vms.hypervisor.claim(ended.id, claim)).toBe(false);
  expect(await vms.hypervisor.find(ended.id)).toMatchObject({ phase: 'ending', ended: { reason: 'too old' } });
  expect(await vms.hypervisor.isAlive(ended.id)).toBe(false);
});

test('a VM whose QEMU was killed is not alive, and is removed', async () => {
  await using vms = await lendVms();
  const vm = await vms.ready();
  expect(await vms.hypervisor.isAlive(vm.id)).toBe(true);
  process.kill(await qemuProcess(vm.id), 'SIGKILL');
  await eventually(async () => !(await vms.hypervisor.isAlive(vm.id)), { what: 'QEMU has ended' });
  await vms.hypervisor.destroy(vm.id, 'it died');
  expect(await traces(vms, vm)).toEqual([]);
});

test('a VM whose QEMU stands still is removed', async () => {
  await using vms = await lendVms();
  const vm = await vms.ready();
  process.kill(await qemuProcess(vm.id), 'SIGSTOP');
  await vms.hypervisor.destroy(vm.id, 'it hangs');
  expect(await traces(vms, vm)).toEqual([]);
});

test('a VM is removed though its record has no process and half of its folder is gone', async () => {
  await using vms = await lendVms();
  const [unknown, halved] = await Promise.all([vms.ready(), vms.ready()]);
  const folder = vms.home.vm(unknown.id);
  await writeFile(
    folder.record,
    JSON.stringify({ ...JSON.parse(await readFile(folder.record, 'utf8')), process: null }),
  );
  await vms.hypervisor.destroy(unknown.id, 'its maker died');
  expect(await traces(vms, unknown)).toEqual([]);
  await rm(vms.home.vm(halved.id).run, { recursive: true });
  await rm(vms.home.vm(halved.id).record);
  const strays = await vms.hypervisor.strays();
  expect([...new Set(strays.map(({ kind }) => kind))].sort()).toEqual(['folder', 'process', 'slot']);
  for (const stray of strays) await vms.hypervisor.removeStray(stray);
  expect(await traces(vms, halved)).toEqual([]);
});

test('several who remove one VM at once all succeed, and so does one who comes late', async () => {
  await using vms = await lendVms();
  const vm = await vms.ready();
  const config = parseConfig('', 'the defaults');
  const others = [1, 2, 3].map(() => createHypervisor({ environment: vms.environment, config }));
  await Promise.all(others.map((other) => other.destroy(vm.id, 'all at once')));
  expect(await traces(vms, vm)).toEqual([]);
  await vms.hypervisor.destroy(vm.id, 'once more');
});

test('a creation that is aborted leaves nothing, at whatever moment', async () => {
  await using vms = await lendVms();
  const isWritten = (file: string) => async () => {
    const [id] = await readdir(vms.home.vms).catch(() => []);
    return id !== undefined && existsSync(join(vms.home.vms, id, file));
  };
  const moments = {
    'before the slots': async () => true,
    'while QEMU starts': isWritten('vm.json'),
    'while the identity is taken': isWritten('run/identity.sock'),
  };
  for (const [moment, isThere] of Object.entries(moments)) {
    const abort = new AbortController();
    const creation = vms.create(smallClass, abort.signal);
    const aborting = eventually(isThere, { what: moment }).then(() => abort.abort(new Error('changed my mind')));
    await expect(creation, moment).rejects.toThrow('changed my mind');
    await aborting;
    expect(await vms.hypervisor.list()).toEqual([]);
    expect(await vms.hypervisor.strays()).toEqual([]);
  }
});

test('a VM outlives the process that made it, and any other can use and remove it', async () => {
  await using vms = await lendVms();
  const script = `
    import { createHypervisor } from ${JSON.stringify(import.meta.resolve('@vm-task/hypervisor/create-hypervisor'))};
    import { parseConfig } from ${JSON.stringify(import.meta.resolve('@vm-task/service/config'))};
    import { readEnvironment } from ${JSON.stringify(import.meta.resolve('@vm-task/shared/environment'))};
    import { deadlineFrom } from ${JSON.stringify(import.meta.resolve('@vm-task/hypervisor/ledger/deadline'))};
    const environment = readEnvironment(process.argv[1]);
    const hypervisor = createHypervisor({ environment, config: parseConfig('', 'the defaults') });
    const now = Date.now();
    const deadline = deadlineFrom(now + 600_000, now);
    const vmClass = ${JSON.stringify(smallClass)};
    const outcome = await hypervisor.create(vmClass, { poolMax: 1, hostMax: 1 }, deadline, new AbortController().signal);
    process.stdout.write(JSON.stringify(outcome.vm));
    setInterval(() => {}, 1_000);
  `;
  const maker = spawn(process.execPath, ['--input-type=module', '--eval', script, vms.home.root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = await once(maker.stdout, 'data');
  const vm: ReadyVm = JSON.parse(String(printed));
  maker.kill('SIGKILL');
  await once(maker, 'exit');
  expect(await vms.hypervisor.isAlive(vm.id)).toBe(true);
  expect(await vms.ssh(vm, 'echo still here')).toBe('still here');
  await vms.hypervisor.destroy(vm.id, 'seen enough');
  expect(await traces(vms, vm)).toEqual([]);
});

test('what clones write changes no byte of their snapshot, and what they print is kept up to a limit', async () => {
  await using vms = await lendVms();
  const vm = await vms.ready();
  const run = vms.home.vm(vm.id).run;
  const before = await hashes(run);
  await vms.ssh(vm, 'head -c 64M /dev/urandom > /root/noise && sync && rm /root/noise && sync');
  await vms.ssh(vm, 'head -c 3M /dev/zero | tr "\\0" x > /dev/ttyS0');
  const { size } = await stat(vms.home.vm(vm.id).consoleLog);
  expect(size).toBe(1_048_576);
  expect(await hashes(run)).toEqual(before);
  expect(await vms.ssh(vm, 'echo on it goes')).toBe('on it goes');
});

async function hashes(folder: string): Promise<Record<string, string>> {
  const files = ['memory', 'state', 'disk.qcow2', 'base.qcow2'];
  const entries = files.map(async (name) => {
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder, name)), hash);
    return [name, hash.digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
