/** Clones: made from an image in milliseconds, gone without a trace. */
import { stat } from 'node:fs/promises';
import type { VmId } from '@vm-task/shared/ids';
import { nullIfMissing } from '../../host/missing.ts';
import type { Capacity, CreateOutcome, MachineState, Missing, Report } from '../../hypervisor.ts';
import { ensureImage } from '../../images/ensure-image.ts';
import type { ImageRef } from '../../images/image.ts';
import { formatImageRef, parseImageRef } from '../../images/image-ref.ts';
import { type ImageStore, type RegisteredImage, registeredImage, type Watch } from '../../images/image-store.ts';
import { recipesFolder } from '../../images/recipes-folder.ts';
import type { Deadline } from '../../ledger/deadline.ts';
import { recordedProcess } from '../../ledger/ledger.ts';
import { isRunning } from '../../ledger/process-ref.ts';
import type { VmState } from '../../ledger/vm-record.ts';
import { poolsOf } from '../../pool-config.ts';
import { ensureSnapshot } from '../../snapshots/ensure-snapshot.ts';
import type { Snapshot } from '../../snapshots/snapshot.ts';
import type { ResolvedSpec, VmRequest } from '../../vm-class.ts';
import type { Driver, DriverOptions, MarkedProcess } from '../driver.ts';
import type { Finding } from '../finding.ts';
import { requireAllowedImage } from './allowed-images.ts';
import { createVm } from './create-vm.ts';
import { checkImages, checkKvm, checkWalls } from './doctor.ts';
import { endVm } from './end-vm.ts';
import { type HostFacts, hostFacts } from './host-facts.ts';
import { proveEgress } from './jail/probe.ts';
import { markedProcesses } from './marked-process.ts';
import type { ClonePoolConfig } from './pool.ts';
import type { CloneClass, ExactCloneClass } from './record.ts';

export class QemuDriver implements Driver {
  readonly #options: DriverOptions;
  readonly #images: ImageStore;
  #facts: Promise<HostFacts> | null = null;

  constructor(options: DriverOptions) {
    const { home, cache } = options.environment;
    this.#options = options;
    this.#images = { home, cache, recipesFolder };
  }

  async resolve(pool: string, request: VmRequest, report: Report, signal: AbortSignal): Promise<ResolvedSpec> {
    // This host's own list: whoever took the task may have another one.
    const [, config] =
      poolsOf<ClonePoolConfig>(this.#options.config.pools, 'qemu').find(([name]) => name === pool) ?? [];
    if (config !== undefined) requireAllowedImage(request.image, pool, config);
    // Before an image is built for nothing.
    if (this.#options.config.host.requireKvm) await this.#hostFacts();
    const image = await ensureImage(this.#images, parseImageRef(request.image), { report, signal });
    const { name, version } = image.ref;
    const { size, egress, allow = [] } = request;
    const vmClass: ExactCloneClass = { driver: 'qemu', pool, image: { name, version }, size, egress, allow };
    return { vmClass, image: formatImageRef(image.ref), runtimes: image.runtimes };
  }

  async prepare(vmClass: CloneClass, report: Report, signal: AbortSignal): Promise<void> {
    const watch = { report, signal };
    await proveEgress(vmClass, (await this.#hostFacts()).prober);
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

  async isAlive({ record }: VmState): Promise<boolean> {
    const process = recordedProcess(record);
    return process !== null && isRunning(process);
  }

  /** A port and a namespace are its process's. */
  async missing(state: VmState): Promise<readonly Missing[]> {
    const missing: Missing[] = [];
    if (!(await this.isAlive(state))) missing.push({ kind: 'process', why: 'its process has ended' });
    const { run, sshKey } = this.#home.vm(state.record.vm);
    for (const path of [run, sshKey]) {
      const isThere = (await stat(path).catch(nullIfMissing)) !== null;
      if (!isThere) missing.push({ kind: 'file', why: `${path} has been removed` });
    }
    return missing;
  }

  async strays(): Promise<readonly MarkedProcess[]> {
    return markedProcesses(this.#home);
  }

  /** What clones are made on is this host. */
  async *watch(): AsyncGenerator<MachineState, void> {
    yield { kind: 'there', weaker: null };
  }

  async doctor(check: string, signal: AbortSignal): Promise<Finding> {
    if (check === 'kvm') return await checkKvm(this.#options);
    if (check === 'walls') return await checkWalls(this.#options);
    const pools = poolsOf<ClonePoolConfig>(this.#options.config.pools, 'qemu');
    const images = pools.map(([, { image }]) => image);
    return await checkImages(images, this.#images, signal);
  }

  get #home() {
    return this.#options.environment.home;
  }

  /** An image named by its exact version, as it is known; what it is made of was looked at when it was prepared. */
  async #registered({ name, version }: ImageRef): Promise<RegisteredImage | null> {
    return version === null ? null : await registeredImage(this.#images, { name, version });
  }

  async #snapshot({ size }: CloneClass, image: RegisteredImage, watch: Watch): Promise<Snapshot> {
    const { environment, config } = this.#options;
    const { qemuVersion, accelerator, walls, reserveOwner } = await this.#hostFacts();
    const { maxSnapshots } = config.host;
    const plan = {
      cache: environment.cache,
      image,
      size,
      accelerator,
      walls,
      qemuVersion,
      reserveOwner,
      maxSnapshots,
    };
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
