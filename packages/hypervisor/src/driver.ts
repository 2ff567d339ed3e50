/**
 * The hypervisor of one home, and the map of this package.
 *
 * | file | role |
 * |---|---|
 * | `hypervisor.ts`, `vm-class.ts`, `pool-config.ts` | what the services know of VMs, and what a driver is; what they ask for |
 * | `release-vm.ts` | how a service lets a VM go |
 * | `images/` | what VMs are made from: map in `image-store.ts` |
 * | `snapshots/` | an image booted once and frozen; clones start from it |
 * | `ledger/` | what may exist, on disk before it does (I5), capacity, claims, deadlines (I7) |
 * | `host/` | what does exist (I6): processes by their mark, ports, owners of files |
 * | `drivers/qemu/` | clones: command line, monitor, KVM or not, from a class to a VM with an identity (I12), and away again |
 * | `drivers/ssh/` | named VMs: one use after the other of a machine that is somebody's own |
 */
import type { Environment } from '@vm-task/shared/environment';
import type { Home } from '@vm-task/shared/home';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { QemuDriver } from './drivers/qemu/qemu-driver.ts';
import { findStrays, removeStray } from './drivers/qemu/strays.ts';
import { SshDriver } from './drivers/ssh/ssh-driver.ts';
import { findMissing } from './host/find-missing.ts';
import type { Capacity, CreateOutcome, Hypervisor, MachineState, Missing, Report, Stray } from './hypervisor.ts';
import type { HypervisorConfig } from './hypervisor-config.ts';
import type { Deadline } from './ledger/deadline.ts';
import { forgetVm } from './ledger/forget-vm.ts';
import {
  readState,
  readStates,
  readUnreadable,
  type UnreadableVm,
  writeClaim,
  writeNextClaim,
} from './ledger/ledger.ts';
import type { Claim, VmState } from './ledger/vm-record.ts';
import type { Offer, VmClass, Wish } from './vm-class.ts';

export interface DriverOptions {
  readonly environment: Environment;
  readonly config: HypervisorConfig;
}

/** The VMs of one home on this host. Nothing is looked at, made or started until it is asked for something. */
export function createHypervisor(options: DriverOptions): Hypervisor {
  return new LedgerHypervisor(options);
}

/** Whatever makes them, VMs are kept in one ledger. */
class LedgerHypervisor implements Hypervisor {
  readonly #home: Home;
  readonly #config: HypervisorConfig;
  readonly #qemu: QemuDriver;
  readonly #ssh: SshDriver;

  constructor({ environment, config }: DriverOptions) {
    this.#home = environment.home;
    this.#config = config;
    this.#qemu = new QemuDriver({ environment, config });
    this.#ssh = new SshDriver({ home: environment.home, config });
  }

  async offer(pool: string, wish: Wish, report: Report, signal: AbortSignal): Promise<Offer> {
    const isNamed = this.#config.pools[pool]?.driver === 'ssh';
    return await (isNamed ? this.#ssh : this.#qemu).offer(pool, wish, report, signal);
  }

  async prepare(vmClass: VmClass, report: Report, signal: AbortSignal): Promise<void> {
    if (vmClass.driver === 'qemu') await this.#qemu.prepare(vmClass, report, signal);
  }

  async create(vmClass: VmClass, capacity: Capacity, deadline: Deadline, signal: AbortSignal): Promise<CreateOutcome> {
    return vmClass.driver === 'qemu'
      ? await this.#qemu.create(vmClass, capacity, deadline, signal)
      : await this.#ssh.create(vmClass, capacity, deadline, signal);
  }

  async claim(vm: VmId, claim: Claim): Promise<boolean> {
    return await writeClaim(this.#home, vm, claim);
  }

  async claimNext(vm: VmId, after: TaskId, claim: Claim): Promise<boolean> {
    return await writeNextClaim(this.#home, vm, after, claim);
  }

  async end(vm: VmId, reason: string): Promise<void> {
    const state = await readState(this.#home, vm);
    await this.#driverOf(state).end(vm, reason);
  }

  async destroy(vm: VmId, reason: string): Promise<void> {
    await this.end(vm, reason);
    await forgetVm(this.#home, vm);
  }

  async list(): Promise<readonly VmState[]> {
    return await readStates(this.#home);
  }

  async unreadable(): Promise<readonly UnreadableVm[]> {
    return await readUnreadable(this.#home);
  }

  async find(vm: VmId): Promise<VmState | null> {
    return await readState(this.#home, vm);
  }

  async isAlive(vm: VmId): Promise<boolean> {
    const state = await readState(this.#home, vm);
    return state !== null && (await this.#driverOf(state).isAlive(state));
  }

  watch(pool: string, signal: AbortSignal): AsyncGenerator<MachineState, void> {
    return this.#ssh.watch(pool, signal);
  }

  async missing(state: VmState): Promise<readonly Missing[]> {
    return await findMissing(this.#home, state, await this.#driverOf(state).isAlive(state));
  }

  async strays(): Promise<readonly Stray[]> {
    return await findStrays(this.#home);
  }

  async removeStray(stray: Stray): Promise<void> {
    await removeStray(this.#home, stray);
  }

  /** What is left of a VM whose record is lost can only be a clone's: nothing here belongs to a named VM. */
  #driverOf(state: VmState | null): QemuDriver | SshDriver {
    return state?.record.driver === 'ssh' ? this.#ssh : this.#qemu;
  }
}
