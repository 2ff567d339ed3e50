/** What a guest that has broken out of its QEMU reaches: a program as the VM's user, behind the walls of a running VM. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import type { ReadyVm } from '@vm-task/hypervisor/hypervisor';
import { needs } from '@vm-task/testing/needs';
import { beforeAll, expect, test } from 'vitest';
import { qemuProcess } from './qemu-process.ts';
import { lendVms, prepareLimitMs, smallClass, type TestVms } from './vms.ts';

const run = promisify(execFile);

type Egress = CloneClass['egress'] | 'names';

const cloneWith = (egress: Egress): CloneClass =>
  egress === 'names' ? { ...smallClass, allow: ['packages.example:443'] } : { ...smallClass, egress };

beforeAll(async () => {
  await using vms = await lendVms();
  await vms.hypervisor.prepare(smallClass, () => {}, new AbortController().signal);
}, prepareLimitMs);

/** What a shell prints that is where QEMU is, as whom QEMU is, with what QEMU may do. */
async function inJail(vm: ReadyVm, script: string, args: readonly string[] = []): Promise<string[]> {
  const target = String(await qemuProcess(vm.id));
  const spaces = ['--user', '--mount', '--net', '--pid', '--ipc', '--uts'];
  const enter = ['--target', target, ...spaces, '--setuid', '0', '--setgid', '0', '--'];
  const powerless = ['setpriv', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--'];
  const { stdout } = await run('nsenter', [...enter, ...powerless, 'sh', '-c', `cd /vm\n${script}`, 'sh', ...args], {
    timeout: 60_000,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Prints those of its arguments that take a connection. */
const reached = `for target; do
  perl -MIO::Socket::INET -e 'print "$ARGV[0]\\n" if IO::Socket::INET->new(PeerAddr => $ARGV[0], Timeout => 5)' "$target" &
done
wait`;

const numbers = { ns: ['cgroup', 'time'] } as const;

for (const egress of ['none', 'names', 'internet'] as const) {
  needs.root(test)(
    `egress ${egress}: QEMU shares no namespace that matters with the host, and has no capability`,
    async () => {
      await using vms = await lendVms();
      const pid = await qemuProcess((await vms.ready(cloneWith(egress))).id);
      const shared = async (of: number | string) =>
        await run(
          'readlink',
          ['ipc', 'mnt', 'net', 'pid', 'user', 'uts', ...numbers.ns].map((ns) => `/proc/${of}/ns/${ns}`),
        );
      const [its, ours] = await Promise.all(
        [shared(pid), shared('self')].map(async (look) => (await look).stdout.trim().split('\n')),
      );
      expect(its?.filter((name) => ours?.includes(name)).map((name) => name.split(':')[0])).toEqual(numbers.ns);
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1];
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(field(set)).toMatch(/^0+$/);
      expect([field('NoNewPrivs'), field('Seccomp')]).toEqual(['1', '2']);
      const limits = await readFile(`/proc/${pid}/limits`, 'utf8');
      const limit = (name: string) => new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(limits)?.[1];
      expect(limit('Max core file size')).toBe('0');
      expect(Number(limit('Max file size'))).toBeLessThan(2 * 2_048 * 1_048_576);
      expect(Number(limit('Max processes'))).toBeLessThan(256);
      expect(Number(limit('Max open files'))).toBeLessThanOrEqual(4_096);
      expect(Number(limit('Max address space'))).toBeLessThan(16 * 1_073_741_824);
    },
  );

  needs.root(test)(
    `egress ${egress}: whoever breaks out reaches no loopback of the host, and no other VM`,
    async () => {
      await using vms = await lendVms();
      await using server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const [vm, other] = [await vms.ready(cloneWith(egress)), await vms.ready(cloneWith(egress))];
      const ports = [port, other.access.port, vm.access.port];
      const addresses = ['127.0.0.1', '192.0.2.1', '192.0.2.2', '192.0.2.9', '10.0.2.2', '0.0.0.0'];
      const targets = addresses.flatMap((address) => ports.map((number) => `${address}:${number}`));
      const own = [`127.0.0.1:${vm.access.port}`, `0.0.0.0:${vm.access.port}`];
      // What does not answer is what is far away, and not what the probe cannot see.
      expect((await inJail(vm, reached, targets)).sort()).toEqual(own.sort());
      expect(await vms.ssh(other, 'echo undisturbed')).toBe('undisturbed');
    },
  );
}

needs.root(test)('whoever breaks out sees no file of the host but programs, and no process', async () => {
  await using vms = await lendVms();
  const [vm, other] = [await vms.ready(), await vms.ready()];
  expect((await inJail(vm, 'ls -A /')).sort()).toEqual(['bin', 'dev', 'lib', 'lib64', 'usr', 'vm']);
  expect((await inJail(vm, 'ls -A /dev')).sort()).toEqual(['null', 'urandom']);
  const places = [
    vms.home.root,
    vms.environment.cache.root,
    vms.home.vm(other.id).root,
    '/proc',
    '/sys',
    '/tmp',
    '/run',
    '/etc',
  ];
  expect(await inJail(vm, 'for path; do [ -e "$path" ] && echo "$path"; done; true', places)).toEqual([]);
  const pids = [process.pid, await qemuProcess(other.id), await leaderOf(vms, vm)].map(String);
  expect(await inJail(vm, 'for pid; do kill -0 "$pid" 2>/dev/null && echo "$pid"; done; true', pids)).toEqual([]);
});

needs.root(test)(
  'whoever breaks out alters neither the snapshot nor programs, and gets no namespace of its own',
  async () => {
    await using vms = await lendVms();
    const vm = await vms.ready();
    const files = ['memory', 'state', 'disk.qcow2', 'base.qcow2'].map((name) => join('/vm', name));
    const writes =
      'for path; do (: >> "$path") 2>/dev/null && echo "wrote $path"; [ -e "$path" ] && rm -f "$path" 2>/dev/null && echo "removed $path"; done; true';
    expect(await inJail(vm, writes, [...files, '/file', '/usr/file', '/dev/file'])).toEqual([]);
    expect(
      await inJail(
        vm,
        'unshare --user true 2>/dev/null && echo made; mount -t tmpfs tmpfs /vm 2>/dev/null && echo mounted; true',
      ),
    ).toEqual([]);
    expect(await inJail(vm, ': > own && rm own && echo its own')).toEqual(['its own']);
  },
);

needs.root(test)('every process of a VM ends when one of them does', async () => {
  await using vms = await lendVms();
  for (const which of ['QEMU', 'the first around it'] as const) {
    const vm = await vms.ready();
    const [qemu, leader] = [await qemuProcess(vm.id), await leaderOf(vms, vm)];
    const before = await treeOf(leader);
    expect(before).toContain(qemu);
    process.kill(which === 'QEMU' ? qemu : leader, 'SIGKILL');
    await expect.poll(async () => await living(before), { timeout: 20_000 }).toEqual([]);
    await vms.hypervisor.destroy(vm.id, 'it died');
  }
});

async function leaderOf({ hypervisor }: TestVms, vm: ReadyVm): Promise<number> {
  const pid = (await hypervisor.find(vm.id))?.record.process?.pid;
  if (pid === undefined) throw new Error('the record names no process');
  return pid;
}

async function treeOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const below = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(treeOf));
  return [pid, ...below.flat()];
}

async function living(pids: readonly number[]): Promise<number[]> {
  const stats = pids.map(async (pid) => ({
    pid,
    stat: await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z '),
  }));
  return (await Promise.all(stats)).flatMap(({ pid, stat }) => (stat.includes(') Z ') || stat === ' Z ' ? [] : [pid]));
}
