import { rm, writeFile } from 'node:fs/promises';
import type { Driver, DriverOptions, MarkedProcess } from '@vm-task/hypervisor/drivers/driver';
import { type Finding, fail, pass } from '@vm-task/hypervisor/drivers/finding';
import type { Capacity, CreateOutcome, MachineState, Missing } from '@vm-task/hypervisor/hypervisor';
import { type Deadline, thisMoment } from '@vm-task/hypervisor/ledger/deadline';
import { forgetVm } from '@vm-task/hypervisor/ledger/forget-vm';
import { openFolder, writeEnded, writeReady } from '@vm-task/hypervisor/ledger/ledger';
import { thisProcess } from '@vm-task/hypervisor/ledger/process-ref';
import { type Slots, takeSlots } from '@vm-task/hypervisor/ledger/slots';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { ResolvedSpec, VmClass, VmRequest } from '@vm-task/hypervisor/vm-class';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import type { Cloud } from './cloud.ts';
import type { FakePoolConfig, FakeRecord } from './declaration.ts';

interface FakeClass extends VmClass {
  readonly driver: 'fake';
  readonly region: string;
}

export class FakeDriver implements Driver {
  readonly #cloud: Cloud;
  readonly #options: DriverOptions;

  constructor(cloud: Cloud, options: DriverOptions) {
    this.#cloud = cloud;
    this.#options = options;
  }

  async resolve(pool: string, { size }: VmRequest): Promise<ResolvedSpec> {
    const { region } = this.#options.config.pools[pool] as FakePoolConfig;
    const vmClass: FakeClass = { driver: 'fake', pool, size, region };
    return { vmClass, image: region, runtimes: { shell: ['/bin/sh'] } };
  }

  async prepare(): Promise<void> {}

  async create(vmClass: FakeClass, capacity: Capacity, deadline: Deadline): Promise<CreateOutcome> {
    const vm = newVmId(Date.now());
    const taken = await takeSlots(this.#home, vm, vmClass.pool, capacity);
    if (taken.kind === 'full') return taken;
    const { access, privateKey } = this.#cloud;
    try {
      await openFolder(this.#home, recordOf(vm, vmClass, taken.slots, deadline));
      this.#cloud.start(vm);
      await writeFile(this.#home.vm(vm).sshKey, privateKey, { mode: 0o600 });
      await writeReady(this.#home, vm, { access, since: thisMoment(), timings: { runningMs: 1, identifiedMs: 1 } });
      return { kind: 'ready', vm: { id: vm, vmClass, access } };
    } catch (error) {
      await this.end(vm, 'it could not be made');
      await forgetVm(this.#home, vm);
      throw error;
    }
  }

  async end(vm: VmId, reason: string): Promise<void> {
    await writeEnded(this.#home, vm, reason);
    try {
      this.#cloud.stop(vm);
    } catch (error) {
      throw new VmTaskError('vm-not-gone', `${vm}: ${errorInfo(error).message}`, { cause: error });
    }
    await rm(this.#home.vm(vm).sshKey, { force: true });
  }

  async isAlive({ record }: VmState): Promise<boolean> {
    return this.#cloud.machines.has(record.vm);
  }

  async missing(state: VmState): Promise<readonly Missing[]> {
    return (await this.isAlive(state)) ? [] : [{ kind: 'process', why: 'the cloud has lost it' }];
  }

  async strays(): Promise<readonly MarkedProcess[]> {
    return [];
  }

  async *watch(): AsyncGenerator<MachineState, void> {
    yield { kind: 'there', weaker: null };
  }

  async doctor(): Promise<Finding> {
    return this.#cloud.isUp ? pass('it takes orders') : fail('it takes no orders', 'pay the bill');
  }

  get #home() {
    return this.#options.environment.home;
  }
}

function recordOf(vm: VmId, { pool, size, region }: FakeClass, slots: Slots, deadline: Deadline): FakeRecord {
  return {
    version: 1,
    driver: 'fake',
    vm,
    pool,
    size,
    region,
    resources: ['slots', 'files', 'machine'],
    slots,
    createdAt: new Date().toISOString(),
    deadline,
    creator: thisProcess(),
    process: null,
  };
}
