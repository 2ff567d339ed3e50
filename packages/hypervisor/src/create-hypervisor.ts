/**
 * The hypervisor of one home, and the map of this package.
 *
 * - `hypervisor.ts`: what the services know of VMs; `vm-class.ts`: what they ask for; `release-vm.ts`: how they let one go
 * - `drivers/`: the ways to have VMs, each a folder and a line of `registry.ts`; `driver.ts`: what a driver is
 * - `images/`: what VMs are made from (map in `image-store.ts`)
 * - `snapshots/`: an image booted once and frozen; clones start from it
 * - `ledger/`: what may exist, on disk before it does (I5), capacity, claims, deadlines (I7)
 * - `host/`: what does exist (I6): processes, ports, owners of files
 */
import type { Environment } from '@vm-task/shared/environment';
import type { Home } from '@vm-task/shared/home';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { OpenDrivers } from './drivers/open-drivers.ts';
import { missingSlots } from './host/missing-slots.ts';
import { findStrays, removeStray } from './host/strays.ts';
import type { Capacity, CreateOutcome, Hypervisor, MachineState, Missing, Report, Stray } from './hypervisor.ts';
import type { HypervisorConfig } from './hypervisor-config.ts';
import type { Deadline } from './ledger/deadline.ts';
import { forgetVm } from './ledger/forget-vm.ts';
import { readRecord, readState, readVms, type UnreadableVm, writeClaim, writeNextClaim } from './ledger/ledger.ts';
import type { Claim, VmRecord, VmState } from './ledger/vm-record.ts';
import type { ResolvedSpec, VmClass, VmRequest } from './vm-class.ts';

export interface HypervisorOptions {
  readonly environment: Environment;
  readonly config: HypervisorConfig;
}

/** The VMs of one home on this host. Nothing is looked at, made or started until it is asked for something. */
export function createHypervisor(options: HypervisorOptions): Hypervisor {
  return new LedgerHypervisor(options);
}

/** Whatever makes them, VMs are kept in one ledger. */
class LedgerHypervisor implements Hypervisor {
  readonly #home: Home;
  readonly #drivers: OpenDrivers;

  constructor(options: HypervisorOptions) {
    this.#home = options.environment.home;
    this.#drivers = new OpenDrivers(options);
  }

  async resolve(pool: string, request: VmRequest, report: Report, signal: AbortSignal): Promise<ResolvedSpec> {
    return await (await this.#drivers.ofPool(pool)).resolve(pool, request, report, signal);
  }

  async prepare(vmClass: VmClass, report: Report, signal: AbortSignal): Promise<void> {
    await (await this.#drivers.get(vmClass.driver)).prepare(vmClass, report, signal);
  }

  async create(vmClass: VmClass, capacity: Capacity, deadline: Deadline, signal: AbortSignal): Promise<CreateOutcome> {
    return await (await this.#drivers.get(vmClass.driver)).create(vmClass, capacity, deadline, signal);
  }

  async claim(vm: VmId, claim: Claim): Promise<boolean> {
    await this.#knownRecord(vm);
    return await writeClaim(this.#home, vm, claim);
  }

  async claimNext(vm: VmId, after: TaskId, claim: Claim): Promise<boolean> {
    await this.#knownRecord(vm);
    return await writeNextClaim(this.#home, vm, after, claim);
  }

  async end(vm: VmId, reason: string): Promise<void> {
    const record = await this.#knownRecord(vm);
    // What is left of a VM whose record is lost can only be seen on this host.
    const drivers = record === null ? await this.#drivers.onHost() : [await this.#drivers.get(record.driver)];
    for (const driver of drivers) await driver.end(vm, reason);
  }

  async destroy(vm: VmId, reason: string): Promise<void> {
    await this.end(vm, reason);
    await forgetVm(this.#home, vm);
  }

  async list(): Promise<readonly VmState[]> {
    return (await this.#vms()).filter((found) => 'phase' in found);
  }

  async unreadable(): Promise<readonly UnreadableVm[]> {
    return (await this.#vms()).filter((found) => 'why' in found);
  }

  async find(vm: VmId): Promise<VmState | null> {
    const state = await readState(this.#home, vm);
    if (state !== null) this.#requireKnown(state.record);
    return state;
  }

  async isAlive(vm: VmId): Promise<boolean> {
    const state = await this.find(vm);
    return state !== null && (await (await this.#drivers.get(state.record.driver)).isAlive(state));
  }

  async *watch(pool: string, signal: AbortSignal): AsyncGenerator<MachineState, void> {
    yield* (await this.#drivers.ofPool(pool)).watch(pool, signal);
  }

  /** Nothing for a VM that is being made or going: it has as much as it has. */
  async missing(state: VmState): Promise<readonly Missing[]> {
    if (state.phase !== 'ready' && state.phase !== 'claimed') return [];
    const driver = await this.#drivers.get(state.record.driver);
    return [...(await driver.missing(state)), ...(await missingSlots(this.#home, state.record))];
  }

  async strays(): Promise<readonly Stray[]> {
    return await findStrays(this.#home, await this.#drivers.onHost());
  }

  async removeStray(stray: Stray): Promise<void> {
    await removeStray(this.#home, await this.#drivers.onHost(), stray);
  }

  async #vms(): Promise<(VmState | UnreadableVm)[]> {
    const vms = await readVms(this.#home);
    return vms.map((found) => {
      if (!('phase' in found)) return found;
      const unknown = this.#drivers.whyUnknown(found.record);
      return unknown === null ? found : { vm: found.record.vm, why: unknown.message };
    });
  }

  /** Null where there is none. @throws `ledger-unreadable` for one that nobody may touch */
  async #knownRecord(vm: VmId): Promise<VmRecord | null> {
    const record = await readRecord(this.#home, vm);
    if (record !== null) this.#requireKnown(record);
    return record;
  }

  #requireKnown(record: VmRecord): void {
    const unknown = this.#drivers.whyUnknown(record);
    if (unknown !== null) throw unknown;
  }
}
