/**
 * The qemu driver, and the map of this package.
 *
 * - `hypervisor.ts`: what the services know of VMs; `release-vm.ts`: how they let one go
 * - `images/`: what VMs are made from (map in `image-store.ts`)
 * - `snapshots/`: an image booted once and frozen; clones start from it
 * - `ledger/`: what may exist, on disk before it does (I5), capacity, claims, deadlines (I7)
 * - `host/`: what does exist (I6): processes by their mark, ports, owners of files
 * - `qemu/`: QEMU itself: command line, monitor, KVM or not, from a class to a VM with an identity (I12), and away again
 */
import type { Environment, SystemConfig } from '@vm-task/shared/config';
import type { VmId } from '@vm-task/shared/ids';
import type { Capacity, CreateOutcome, Hypervisor, Report, Stray, VmClass } from './hypervisor.ts';
import { ensureImage } from './images/ensure-image.ts';
import type { Image, ImageRef } from './images/image.ts';
import { type ImageStore, registeredImage, type Watch } from './images/image-store.ts';
import { recipesFolder } from './images/recipes-folder.ts';
import type { Deadline } from './ledger/deadline.ts';
import { readState, readStates, recordedProcess, writeClaim } from './ledger/ledger.ts';
import { isRunning } from './ledger/process-ref.ts';
import type { Claim, VmState } from './ledger/vm-record.ts';
import { createVm } from './qemu/create-vm.ts';
import { destroyVm, endVm } from './qemu/end-vm.ts';
import { type HostFacts, hostFacts } from './qemu/host-facts.ts';
import { proveNamespace } from './qemu/namespace.ts';
import { findStrays, removeStray } from './qemu/strays.ts';
import { ensureSnapshot } from './snapshots/ensure-snapshot.ts';
import type { Snapshot } from './snapshots/snapshot.ts';

export interface DriverOptions {
  readonly environment: Environment;
  readonly config: SystemConfig;
}

/** The VMs of one home on this host. Nothing is looked at, made or started until it is asked for something. */
export function createHypervisor(options: DriverOptions): Hypervisor {
  return new QemuDriver(options);
}

class QemuDriver implements Hypervisor {
  readonly #options: DriverOptions;
  readonly #images: ImageStore;
  #facts: Promise<HostFacts> | null = null;

  constructor(options: DriverOptions) {
    const { home, cache } = options.environment;
    this.#options = options;
    this.#images = { home, cache, recipesFolder };
  }

  async prepare(vmClass: VmClass, report: Report, signal: AbortSignal): Promise<void> {
    const watch = { report, signal };
    if (vmClass.egress === 'internet') await proveNamespace((await this.#hostFacts()).freezer);
    await this.#snapshot(vmClass, await ensureImage(this.#images, vmClass.image, watch), watch);
  }

  async create(vmClass: VmClass, capacity: Capacity, deadline: Deadline, signal: AbortSignal): Promise<CreateOutcome> {
    const askedAt = performance.now();
    const watch = { report: () => {}, signal };
    const image = (await this.#registered(vmClass.image)) ?? (await ensureImage(this.#images, vmClass.image, watch));
    const snapshot = await this.#snapshot(vmClass, image, watch);
    const facts = await this.#hostFacts();
    const exact = { ...vmClass, image: image.ref };
    return await createVm({ home: this.#home, facts, vmClass: exact, snapshot, capacity, deadline, askedAt }, signal);
  }

  async claim(vm: VmId, claim: Claim): Promise<boolean> {
    return await writeClaim(this.#home, vm, claim);
  }

  async end(vm: VmId, reason: string): Promise<void> {
    await endVm(this.#home, vm, reason);
  }

  async destroy(vm: VmId, reason: string): Promise<void> {
    await destroyVm(this.#home, vm, reason);
  }

  async list(): Promise<readonly VmState[]> {
    return await readStates(this.#home);
  }

  async find(vm: VmId): Promise<VmState | null> {
    return await readState(this.#home, vm);
  }

  async isAlive(vm: VmId): Promise<boolean> {
    const process = recordedProcess(await readState(this.#home, vm));
    return process !== null && isRunning(process);
  }

  async strays(): Promise<readonly Stray[]> {
    return await findStrays(this.#home);
  }

  async removeStray(stray: Stray): Promise<void> {
    await removeStray(this.#home, stray);
  }

  get #home() {
    return this.#options.environment.home;
  }

  /** An image named by its exact version, as it is known; what it is made of was looked at when it was prepared. */
  async #registered({ name, version }: ImageRef): Promise<Image | null> {
    return version === null ? null : await registeredImage(this.#images, { name, version });
  }

  async #snapshot({ size }: VmClass, image: Image, watch: Watch): Promise<Snapshot> {
    const { environment, config } = this.#options;
    const { qemuVersion, accelerator, freezer } = await this.#hostFacts();
    const { maxSnapshots } = config.host;
    const plan = { cache: environment.cache, image, size, accelerator, qemuVersion, owner: freezer, maxSnapshots };
    return await ensureSnapshot(plan, watch);
  }

  /** Asked again after a failure: what was missing may have been installed. */
  async #hostFacts(): Promise<HostFacts> {
    this.#facts ??= hostFacts(this.#options.environment, this.#options.config);
    try {
      return await this.#facts;
    } catch (error) {
      this.#facts = null;
      throw error;
    }
  }
}
