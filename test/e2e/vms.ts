/** The qemu driver alone, on a home of its own, with real VMs. Lent with `await using`; at the end nothing may be left. */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { waitForSsh } from '@vm-task/guest/wait-for-ssh';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import type { CloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import type { CreateOutcome, Hypervisor, ReadyVm } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { VmClass } from '@vm-task/hypervisor/vm-class';
import { parseConfig } from '@vm-task/service/config';
import { type Environment, readEnvironment } from '@vm-task/shared/environment';
import { type Home, homeAt } from '@vm-task/shared/home';
import { disposedAtSignal } from '@vm-task/testing/dispose-at-signal';
import { makeHomeFolder } from '@vm-task/testing/home-folder';

export const smallClass: CloneClass = {
  driver: 'qemu',
  pool: 'default',
  image: { name: 'base', version: null },
  size: { cpus: 1, memoryMiB: 384, diskMiB: 2048 },
  egress: 'none',
  allow: [],
};

/** Building the image and freezing it, where the cache has neither. */
export const prepareLimitMs = 15 * 60_000;

export interface TestVms extends AsyncDisposable {
  readonly environment: Environment;
  readonly home: Home;
  readonly hypervisor: Hypervisor;
  create(vmClass?: VmClass, signal?: AbortSignal): Promise<CreateOutcome>;
  ready(vmClass?: VmClass): Promise<ReadyVm>;
  /** What the command prints, run in the VM by the system's own ssh. */
  ssh(vm: ReadyVm, command: string): Promise<string>;
}

interface VmsOptions {
  /** At most so many at once. */
  readonly max?: number;
  /** As in `vm-task.yaml`. */
  readonly config?: string;
}

export async function lendVms({ max = 2, config = '' }: VmsOptions = {}): Promise<TestVms> {
  const inherited = readEnvironment();
  const home = homeAt(await makeHomeFolder('home'));
  const environment = { ...inherited, home };
  const hypervisor = createHypervisor({ environment, config: parseConfig(config, 'the configuration of this test') });
  const create = (vmClass: VmClass = smallClass, signal = new AbortController().signal) => {
    const now = Date.now();
    return hypervisor.create(vmClass, { poolMax: max, hostMax: max }, deadlineFrom(now + 3_600_000, now), signal);
  };
  return disposedAtSignal<TestVms>({
    environment,
    home,
    hypervisor,
    create,
    async ready(vmClass) {
      const outcome = await create(vmClass);
      if (outcome.kind !== 'ready') throw new Error(`there is no VM: ${JSON.stringify(outcome)}`);
      return outcome.vm;
    },
    ssh: (vm, command) => ssh(home, vm, command),
    async [Symbol.asyncDispose]() {
      for (const { record } of await hypervisor.list()) await hypervisor.destroy(record.vm, 'the test is over');
      const left = [...(await hypervisor.strays()), ...(await readdir(home.vms).catch(() => []))];
      await rm(home.root, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
    },
  });
}

/** Its sshd has waited for its own key, and listens a moment after the VM is ready. */
async function untilListening(home: Home, { id, access }: ReadyVm): Promise<void> {
  const privateKey = await readFile(home.vm(id).sshKey, 'utf8');
  const { signal } = new AbortController();
  await using _connection = await waitForSsh(access, { privateKey, timeoutMs: 60_000, signal });
}

async function ssh(home: Home, vm: ReadyVm, command: string): Promise<string> {
  await untilListening(home, vm);
  const { id, access } = vm;
  const known = `[${access.host}]:${access.port} ${access.hostKey}`;
  const options = {
    BatchMode: 'yes',
    GlobalKnownHostsFile: '/dev/null',
    UserKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    // The one key that may answer, from the access alone.
    KnownHostsCommand: `/bin/echo ${known}`,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const target = ['-i', home.vm(id).sshKey, '-p', String(access.port), `${access.user}@${access.host}`];
  const { stdout } = await promisify(execFile)('ssh', [...flags, ...target, command], { timeout: 60_000 });
  return stdout.trim();
}
