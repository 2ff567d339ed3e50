/**
 * Named VMs: machines that are there before and after. What is made and removed is one *use* of such a machine, with a
 * VM id, a folder in the ledger and a lock on the machine itself. The machine is never restarted or destroyed.
 */
import { lstat, readlink, rm, symlink } from 'node:fs/promises';
import { releaseLease, type TakenLease, takeLease } from '@vm-task/guest/machine-lease';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import { readHostId } from '../../host/host-id.ts';
import { nullIfMissing } from '../../host/missing.ts';
import type { Capacity, CreateOutcome, MachineState, Missing, Report } from '../../hypervisor.ts';
import { type Deadline, remainingMs, thisMoment } from '../../ledger/deadline.ts';
import { endWithReason } from '../../ledger/end-with-reason.ts';
import { forgetVm } from '../../ledger/forget-vm.ts';
import { openFolder, readRecord, readState, writeReady } from '../../ledger/ledger.ts';
import { thisProcess } from '../../ledger/process-ref.ts';
import { type Slots, takeSlots } from '../../ledger/slots.ts';
import type { Ready, VmState } from '../../ledger/vm-record.ts';
import { poolsOf } from '../../pool-config.ts';
import type { ResolvedSpec, VmRequest } from '../../vm-class.ts';
import type { Driver, DriverOptions, MarkedProcess } from '../driver.ts';
import type { DriverConfig } from '../driver-config.ts';
import type { Finding } from '../finding.ts';
import { checkMachines } from './doctor.ts';
import { KeptConnections, type MachineLogin } from './machine.ts';
import { accessOf, checkedKey } from './machine-access.ts';
import type { NamedPoolConfig } from './pool.ts';
import type { NamedClass, NamedRecord } from './record.ts';
import { watchMachine } from './watch-machine.ts';

/** The guest package gives up by itself: after a login, a silence, or an answer that takes too long. */
const forever = new AbortController().signal;

export class SshDriver implements Driver {
  readonly #home: Home;
  readonly #config: DriverConfig;
  readonly #connections = new KeptConnections();

  constructor({ environment, config }: DriverOptions) {
    this.#home = environment.home;
    this.#config = config;
  }

  async resolve(pool: string, { size }: VmRequest, _report: Report, _signal: AbortSignal): Promise<ResolvedSpec> {
    const vmClass: NamedClass = { driver: 'ssh', pool, size };
    return { vmClass, image: pool, runtimes: this.#machine(pool).runtimes };
  }

  /** There is nothing to prepare. */
  async prepare(): Promise<void> {}

  async create(
    vmClass: NamedClass,
    capacity: Capacity,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<CreateOutcome> {
    const askedAt = performance.now();
    const { pool } = vmClass;
    const vm = newVmId(Date.now());
    const taken = await takeSlots(this.#home, vm, pool, capacity);
    if (taken.kind === 'full') return taken;
    try {
      const record = this.#newRecord(vm, vmClass, taken.slots, deadline);
      await openFolder(this.#home, record);
      const lease = await this.#take(record, signal);
      if (lease.kind === 'held') {
        await this.#unlinkKey(vm);
        throw new VmTaskError('machine-held', whoHolds(pool, lease));
      }
      return { kind: 'ready', vm: { id: vm, vmClass, access: await this.#ready(record, askedAt) } };
    } catch (error) {
      await this.#undo(vm);
      signal.throwIfAborted();
      if (isAway(error)) return { kind: 'away', reason: error.message };
      throw error;
    }
  }

  async end(vm: VmId, reason: string): Promise<void> {
    await endWithReason(this.#home, vm, reason, () => this.#endLease(vm));
  }

  async #endLease(vm: VmId): Promise<void> {
    const record = await readRecord(this.#home, vm);
    if (record === null) return;
    const keyFile = await readlink(this.#home.vm(vm).sshKey).catch(nullIfMissing);
    // Without it nothing was ever sent to the machine, or all of it is gone from there.
    if (keyFile === null) return;
    const { access, pool } = record as NamedRecord;
    try {
      await this.#connections.reach({ access, keyFile }, forever, (connection) =>
        releaseLease(connection, vm, forever),
      );
    } catch (error) {
      const why = `its lease of the named VM "${pool}" could not be ended there: ${errorInfo(error).message}`;
      throw new VmTaskError('vm-not-gone', `${vm}: ${why}`, { cause: error });
    }
    await this.#unlinkKey(vm);
  }

  /** What is on the machine can only be seen there; until it was ended there, it is taken for alive. */
  async isAlive({ record }: VmState): Promise<boolean> {
    return (await lstat(this.#home.vm(record.vm).sshKey).catch(nullIfMissing)) !== null;
  }

  async missing(state: VmState): Promise<readonly Missing[]> {
    return (await this.isAlive(state)) ? [] : [{ kind: 'process', why: 'its process has ended' }];
  }

  /** Nothing on this host is of a lease, but for what the ledger has. */
  async strays(): Promise<readonly MarkedProcess[]> {
    return [];
  }

  watch(pool: string, signal: AbortSignal): AsyncGenerator<MachineState, void> {
    return watchMachine(() => this.#login(pool), this.#connections, signal);
  }

  async doctor(_check: string, signal: AbortSignal): Promise<Finding> {
    const names = poolsOf(this.#config.pools, 'ssh').map(([name]) => name);
    return await checkMachines(names, (name) => this.watch(name, signal), this.#home.config);
  }

  async #login(pool: string): Promise<MachineLogin> {
    const machine = this.#machine(pool);
    return { access: accessOf(machine), keyFile: await checkedKey(this.#home, pool, machine) };
  }

  /** The link to the key stands in the VM's folder while anything of the lease may be on the machine. */
  async #unlinkKey(vm: VmId): Promise<void> {
    await rm(this.#home.vm(vm).sshKey, { force: true });
  }

  #machine(pool: string): NamedPoolConfig {
    const config = this.#config.pools[pool];
    if (config?.driver === 'ssh') return config as NamedPoolConfig;
    throw new VmTaskError('pool-not-found', `there is no named VM "${pool}" in ${this.#home.config} any more`);
  }

  #newRecord(vm: VmId, { pool, size }: NamedClass, slots: Slots, deadline: Deadline): NamedRecord {
    return {
      version: 1,
      driver: 'ssh',
      vm,
      pool,
      size,
      resources: ['slots', 'files', 'lock'],
      slots,
      createdAt: new Date().toISOString(),
      deadline,
      creator: thisProcess(),
      process: null,
      access: accessOf(this.#machine(pool)),
    };
  }

  /** A lock of ours that our ledger does not know was left by a home that lost it: it is nobody's. */
  async #take({ vm, pool, deadline }: NamedRecord, signal: AbortSignal): Promise<TakenLease> {
    const by = `${readHostId(this.#home)} ${this.#home.root}`;
    const login = await this.#login(pool);
    return await this.#connections.reach(login, signal, async (connection) => {
      await symlink(login.keyFile, this.#home.vm(vm).sshKey);
      const wanted = () => ({ vm, by, lifeMs: remainingMs(deadline) });
      const lease = await takeLease(connection, wanted(), signal);
      if (lease.kind === 'taken' || lease.by !== by || !isVmId(lease.vm)) return lease;
      if ((await readState(this.#home, lease.vm)) !== null) return lease;
      await releaseLease(connection, lease.vm, signal);
      return await takeLease(connection, wanted(), signal);
    });
  }

  async #ready({ vm, access }: NamedRecord, askedAt: number): Promise<Ready['access']> {
    const runningMs = Math.round(performance.now() - askedAt);
    const timings = { runningMs, identifiedMs: runningMs };
    await writeReady(this.#home, vm, { access, since: thisMoment(), timings });
    if ((await readState(this.#home, vm))?.phase === 'ready') return access;
    throw new VmTaskError('vm-not-started', `${vm} was ended while it was made`);
  }

  /** What cannot be ended now stays in the ledger, and keeps the machine's place: the reaper goes on with it. */
  async #undo(vm: VmId): Promise<void> {
    const isEnded = await this.end(vm, 'it could not be made').then(
      () => true,
      () => false,
    );
    if (isEnded) await forgetVm(this.#home, vm);
  }
}

function whoHolds(pool: string, { vm, by, leftMs }: TakenLease & { readonly kind: 'held' }): string {
  return `the named VM "${pool}" is held by another controller, ${by} (${vm}), for at most ${Math.ceil(leftMs / 1000)} s more`;
}

/** The machine's trouble, not the task's: it may wait for it. */
function isAway(error: unknown): error is VmTaskError {
  return (
    error instanceof VmTaskError &&
    [
      'machine-held',
      'key-unusable',
      'ssh-unreachable',
      'ssh-auth-failed',
      'ssh-host-key-mismatch',
      'ssh-lost',
    ].includes(error.code)
  );
}
