/** Clones: made from an image in milliseconds, gone without a trace. */
import type { Environment } from '@vm-task/shared/environment';
import type { VmId } from '@vm-task/shared/ids';
import type { Capacity, CreateOutcome, Driver, Report } from '../../hypervisor.ts';
import type { HypervisorConfig } from '../../hypervisor-config.ts';
import { ensureImage } from '../../images/ensure-image.ts';
import type { Image, ImageRef } from '../../images/image.ts';
import { formatImageRef, parseImageRef } from '../../images/image-ref.ts';
import { type ImageStore, registeredImage, type Watch } from '../../images/image-store.ts';
import { recipesFolder } from '../../images/recipes-folder.ts';
import type { Deadline } from '../../ledger/deadline.ts';
import { recordedProcess } from '../../ledger/ledger.ts';
import { isRunning } from '../../ledger/process-ref.ts';
import type { VmState } from '../../ledger/vm-record.ts';
import { ensureSnapshot } from '../../snapshots/ensure-snapshot.ts';
import type { Snapshot } from '../../snapshots/snapshot.ts';
import type { CloneClass, Offer, Wish } from '../../vm-class.ts';
import { createVm } from './create-vm.ts';
import { endVm } from './end-vm.ts';
import { type HostFacts, hostFacts } from './host-facts.ts';
import { proveNamespace } from './namespace.ts';

export interface QemuOptions {
  readonly environment: Environment;
  readonly config: HypervisorConfig;
}

export class QemuDriver implements Driver<CloneClass> {
  readonly #options: QemuOptions;
  readonly #images: ImageStore;
  #facts: Promise<HostFacts> | null = null;

  constructor(options: QemuOptions) {
    const { home, cache } = options.environment;
    this.#options = options;
    this.#images = { home, cache, recipesFolder };
  }

  async offer(pool: string, wish: Wish, report: Report, signal: AbortSignal): Promise<Offer> {
    const image = await ensureImage(this.#images, parseImageRef(wish.image), { report, signal });
    const vmClass = { driver: 'qemu', pool, image: image.ref, size: wish.size, egress: wish.egress } as const;
    return { vmClass, image: formatImageRef(image.ref), runtimes: image.runtimes };
  }

  async prepare(vmClass: CloneClass, report: Report, signal: AbortSignal): Promise<void> {
    const watch = { report, signal };
    if (vmClass.egress === 'internet') await proveNamespace((await this.#hostFacts()).freezer);
    await this.#snapshot(vmClass, await ensureImage(this.#images, vmClass.image, watch), watch);
  }

  async create(
    vmClass: CloneClass,
    capacity: Capacity,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<CreateOutcome> {
    const askedAt = performance.now();
    const watch = { report: () => {}, signal };
    const image = (await this.#registered(vmClass.image)) ?? (await ensureImage(this.#images, vmClass.image, watch));
    const snapshot = await this.#snapshot(vmClass, image, watch);
    const facts = await this.#hostFacts();
    const exact = { ...vmClass, image: image.ref };
    return await createVm({ home: this.#home, facts, vmClass: exact, snapshot, capacity, deadline, askedAt }, signal);
  }

  async end(vm: VmId, reason: string): Promise<void> {
    await endVm(this.#home, vm, reason);
  }

  async isAlive(state: VmState): Promise<boolean> {
    const process = recordedProcess(state);
    return process !== null && isRunning(process);
  }

  get #home() {
    return this.#options.environment.home;
  }

  /** An image named by its exact version, as it is known; what it is made of was looked at when it was prepared. */
  async #registered({ name, version }: ImageRef): Promise<Image | null> {
    return version === null ? null : await registeredImage(this.#images, { name, version });
  }

  async #snapshot({ size }: CloneClass, image: Image, watch: Watch): Promise<Snapshot> {
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
