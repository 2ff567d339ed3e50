/** What two clones of one snapshot have in common, what they have not, and who serves their jobs (I12). */
import { readFile } from 'node:fs/promises';
import { connect, type GuestConnection } from '@vm-task/guest/connect';
import type { Job } from '@vm-task/guest/job';
import { runJob } from '@vm-task/guest/run-job';
import { jobSocket } from '@vm-task/guest/supervisor';
import { waitForSsh } from '@vm-task/guest/wait-for-ssh';
import type { ReadyVm } from '@vm-task/hypervisor/hypervisor';
import { readSnapshot } from '@vm-task/hypervisor/snapshots/snapshot-store';
import { beforeAll, expect, test } from 'vitest';
import { firstPacket } from './first-packet.ts';
import { lendVms, prepareLimitMs, smallClass, type TestVms } from './vms.ts';

const never = new AbortController().signal;

beforeAll(async () => {
  await using vms = await lendVms();
  await vms.hypervisor.prepare(smallClass, () => {}, never);
}, prepareLimitMs);

async function login({ home }: TestVms, { id, access }: ReadyVm): Promise<GuestConnection> {
  const privateKey = await readFile(home.vm(id).sshKey, 'utf8');
  return await waitForSsh(access, { privateKey, timeoutMs: 60_000, signal: never, isClone: true });
}

let jobs = 0;

async function printed(connection: GuestConnection, script: string): Promise<string> {
  const program: Job['program'] = { kind: 'command', argv: ['sh', '-c', script] };
  const job: Job = {
    name: `job-${++jobs}`,
    program,
    cwd: '.',
    env: {},
    secrets: {},
    inputs: {},
    stdin: '',
    limits: {},
    outputMaxBytes: 1024 * 1024,
  };
  const out: Uint8Array[] = [];
  for await (const event of runJob(connection, job, { signal: never })) {
    if (event.kind === 'output') out.push(event.bytes);
    if (event.kind === 'ended') expect(event.end.outcome).toEqual({ kind: 'exited', code: 0 });
  }
  return Buffer.concat(out).toString();
}

/** One line each. */
const own = {
  'machine-id': 'cat /etc/machine-id',
  'host name': 'cat /proc/sys/kernel/hostname',
  'host key': 'cat /etc/ssh/ssh_host_ed25519_key.pub',
  'login key': 'cat /root/.ssh/authorized_keys',
  '/dev/urandom': 'head -c 32 /dev/urandom | sha256sum',
  'a new uuid': 'cat /proc/sys/kernel/random/uuid',
};
const shared = {
  'boot id': 'cat /proc/sys/kernel/random/boot_id',
  'MAC address': 'cat /sys/class/net/eth0/address',
  'IP address': 'ip -4 -o address show dev eth0',
};

test('two clones that are up at once differ in all that can differ; what they share is what the docs say', async () => {
  await using vms = await lendVms();
  const clones = await Promise.all([vms.ready(), vms.ready()]);
  const script = Object.values({ ...own, ...shared }).join('; ');
  const looks = await Promise.all(clones.map(async (vm) => (await vms.ssh(vm, script)).split('\n')));
  const names = Object.keys({ ...own, ...shared });
  const equal = names.filter((_, line) => looks[0]?.[line] === looks[1]?.[line]);
  expect(looks.map((lines) => lines.length)).toEqual([names.length, names.length]);
  expect(equal).toEqual(Object.keys(shared));
});

test('the sshd that was frozen answers two clones with different random numbers', async () => {
  await using vms = await lendVms();
  const clones = await Promise.all([vms.ready(), vms.ready()]);
  const packets = await Promise.all(clones.map(({ access }) => firstPacket(access)));
  expect(packets[0]?.cookie).not.toEqual(packets[1]?.cookie);
  expect(packets[0]?.rest).toEqual(packets[1]?.rest);
});

test("neither the snapshot's host key nor its login is good for anything in a clone", async () => {
  await using vms = await lendVms();
  const vm = await vms.ready();
  await using _listens = await login(vms, vm);
  const record = (await vms.hypervisor.find(vm.id))?.record as { readonly snapshot?: string } | undefined;
  const snapshot = await readSnapshot(vms.environment.cache, record?.snapshot ?? '');
  if (snapshot === null) throw new Error('the snapshot is not there');
  const withHostKey = connect(
    { ...vm.access, hostKey: snapshot.hostKey },
    { privateKey: await readFile(vms.home.vm(vm.id).sshKey, 'utf8'), signal: never },
  );
  await expect(withHostKey).rejects.toMatchObject({ code: 'ssh-host-key-mismatch' });
  const withLogin = connect(vm.access, { privateKey: snapshot.loginKey, signal: never });
  await expect(withLogin).rejects.toMatchObject({ code: 'ssh-auth-failed' });
  expect(await vms.ssh(vm, 'ls /etc/ssh | grep ssh_host_')).toBe('ssh_host_ed25519_key\nssh_host_ed25519_key.pub');
});

test('a job finds the same under the program that waited in its clone as under one that was sent along', async () => {
  await using vms = await lendVms();
  const vm = await vms.ready();
  // Which process is its parent differs, and the folder of the job.
  const look =
    'umask; ulimit -a; pwd; env | grep -v VM_TASK_ | sort; cat /proc/self/oom_score_adj; ls -l /proc/self/fd | wc -l';
  await using first = await login(vms, vm);
  const waited = await printed(first, look);
  expect(await vms.ssh(vm, `rm ${jobSocket}; ls -A /run/vm-task`)).toBe('');
  await using second = await login(vms, vm);
  expect(await printed(second, look)).toBe(waited);
  expect(waited).toContain('0022');
});

test('the name of the time zone is there', async () => {
  await using vms = await lendVms();
  expect(await vms.ssh(await vms.ready(), 'cat /etc/timezone; date +%Z')).toBe('Etc/UTC\nUTC');
});
