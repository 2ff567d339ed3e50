/**
 * A home whose ledger and files are real, with VMs that are light processes which carry the mark: everything that
 * removal, reconciliation and the audit look at, without a guest. At the end every process is gone, and the home.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { mark } from '@vm-task/hypervisor/drivers/qemu/marked-process';
import type { CloneRecord } from '@vm-task/hypervisor/drivers/qemu/record';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type Deadline, deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { openFolder, writeClaim, writeReady } from '@vm-task/hypervisor/ledger/ledger';
import { startTicksOf } from '@vm-task/hypervisor/ledger/process-ref';
import { takeSlots } from '@vm-task/hypervisor/ledger/slots';
import { parseConfig } from '@vm-task/service/config';
import { readEnvironment } from '@vm-task/shared/environment';
import type { Home } from '@vm-task/shared/home';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { isRoot } from './needs.ts';
import { claimedVm, warmVm } from './sample-states.ts';
import { makeTempFolder } from './temp-folder.ts';
import { noteUndo } from './undo.ts';

export interface LedgerVm {
  readonly vm: VmId;
  readonly pid: number;
  /** Resolves when its process has ended; never for one that the test brought itself. */
  readonly ended: Promise<void>;
}

export interface VmOptions {
  /** Claimed for it, with the same deadline; else the VM is warm. */
  readonly task?: TaskId;
  readonly lifeMs?: number;
  readonly deadline?: Deadline;
  /** With a `process`, none is started. */
  readonly record?: Partial<CloneRecord>;
}

export interface LedgerVms extends AsyncDisposable {
  readonly home: Home;
  readonly hypervisor: Hypervisor;
  make(options?: VmOptions): Promise<LedgerVm>;
  /** A process with these words on its command line. */
  start(words: readonly string[]): Promise<number>;
  /** Nobody can remove the file, or write to the folder, until it is let go. A file is made if need be; for who is not root, it keeps what is beside it. */
  nail(path: string): void;
  letGo(path: string): void;
}

const capacity = { poolMax: 1_024, hostMax: 1_024 };

export async function lendLedgerVms(): Promise<LedgerVms> {
  const folder = await makeTempFolder('ledger-vms');
  const environment = readEnvironment(folder.path);
  const { home } = environment;
  mkdirSync(home.slots);
  const children = new Set<ChildProcess>();
  const nailed = new Map<string, Disposable>();
  const start = async (words: readonly string[]): Promise<Pick<LedgerVm, 'pid' | 'ended'>> => {
    const child = spawn('sh', ['-c', 'echo; read line', 'sh', ...words], { stdio: ['pipe', 'pipe', 'ignore'] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    const ended = once(child, 'exit').then(() => undefined);
    await once(child.stdout, 'data');
    return { pid: child.pid ?? 0, ended };
  };
  const letGo = (path: string) => {
    if (isRoot && existsSync(path)) execFileSync('chattr', ['-i', path]);
    if (!isRoot && existsSync(path)) chmodSync(guardOf(path), 0o700);
    nailed.get(path)?.[Symbol.dispose]();
    nailed.delete(path);
  };
  return {
    home,
    hypervisor: createHypervisor({ environment, config: parseConfig('', 'test') }),
    make: (options = {}) => make(home, options, start),
    start: async (words) => (await start(words)).pid,
    nail(path) {
      mkdirSync(dirname(path), { recursive: true });
      if (!existsSync(path)) writeFileSync(path, '');
      nailed.set(path, noteUndo('chattr', '-i', path));
      if (isRoot) execFileSync('chattr', ['+i', path]);
      else chmodSync(guardOf(path), 0o500);
    },
    letGo,
    async [Symbol.asyncDispose]() {
      for (const path of nailed.keys()) letGo(path);
      const exits = [...children].map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(exits);
      rmSync(folder.path, { recursive: true, force: true });
    },
  };
}

/** For whoever is not root, the folder decides what goes out of it. */
function guardOf(path: string): string {
  return statSync(path).isDirectory() ? path : dirname(path);
}

async function make(
  home: Home,
  { task, lifeMs = 3_600_000, deadline = deadlineFrom(lifeMs, 0), record: changes }: VmOptions,
  start: (words: readonly string[]) => Promise<Pick<LedgerVm, 'pid' | 'ended'>>,
): Promise<LedgerVm> {
  const { record: sample, ready } = warmVm({ ...changes, deadline });
  const { vm, pool } = sample;
  const taken = await takeSlots(home, vm, pool, capacity);
  if (taken.kind === 'full') throw new Error('no slot is free');
  const given = changes?.process ?? null;
  const own = given === null ? await start(['-name', mark(home, vm)]) : null;
  const pid = own?.pid ?? given?.pid ?? 0;
  const process = { pid, startTicks: startTicksOf(pid) ?? 0 };
  await openFolder(home, { ...sample, slots: taken.slots, process });
  mkdirSync(home.vm(vm).run);
  writeFileSync(join(home.vm(vm).run, 'disk.qcow2'), 'a disk');
  writeFileSync(home.vm(vm).sshKey, 'a key');
  writeFileSync(home.vm(vm).consoleLog, 'it boots');
  await writeReady(home, vm, ready);
  if (task !== undefined) await writeClaim(home, vm, claimedVm({ task, deadline }).claim);
  return { vm, pid, ended: own?.ended ?? new Promise(() => {}) };
}
