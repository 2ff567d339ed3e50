/**
 * A host's ledger and its VMs without machines: what the folders of a real home would say, outliving every process.
 * Each step of making and removing a VM is an effect of its own, before and after which its process may die.
 */
import type { CloneClass, CloneRecord, ExactCloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import type { Capacity, CreateOutcome, Hypervisor, Stray } from '@vm-task/hypervisor/hypervisor';
import { type Deadline, thisMoment } from '@vm-task/hypervisor/ledger/deadline';
import { thisProcess } from '@vm-task/hypervisor/ledger/process-ref';
import type { Claim, VmRecord, VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { ResolvedSpec, VmClass, VmRequest } from '@vm-task/hypervisor/vm-class';
import { VmTaskError } from '@vm-task/shared/errors';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { claimed, claimedNext, ending, fullFor } from '@vm-task/testing/ledger-rules';
import type { Faults } from './faults.ts';
import type { Host, HostProcess } from './host.ts';
import type { Observations } from './observations.ts';

const access: VmAccess = { host: '127.0.0.1', port: 22, user: 'root', hostKey: 'ssh-ed25519 AAAA' };

/** A clone takes its time. */
const longestStartMs = 900;
const longestEndMs = 300;

interface LedgerParts {
  readonly host: Host;
  readonly faults: Faults;
  readonly observations: Observations;
}

export class Ledger {
  readonly #parts: LedgerParts;
  readonly #vms = new Map<VmId, VmState>();
  /** The processes of VMs: what the host knows of them, whatever the ledger says. */
  readonly #machines = new Map<VmId, HostProcess>();
  readonly #strays = new Set<Stray>();
  /** How often the hypervisor has failed to end a VM, and when it did last. */
  readonly #notEnded = new Map<VmId, { readonly times: number; readonly atMs: number }>();

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  get host(): Host {
    return this.#parts.host;
  }

  get states(): readonly VmState[] {
    return [...this.#vms.values()];
  }

  /** The process of a VM, or null. */
  machine(vm: VmId): HostProcess | null {
    const machine = this.#machines.get(vm);
    return machine?.isAlive === true ? machine : null;
  }

  notEnded(vm: VmId): { readonly times: number; readonly atMs: number } | null {
    return this.#notEnded.get(vm) ?? null;
  }

  get machines(): readonly VmId[] {
    return [...this.#machines].filter(([, machine]) => machine.isAlive).map(([vm]) => vm);
  }

  get strays(): readonly Stray[] {
    return [...this.#strays];
  }

  /** Processes are gone, files are not. */
  afterReboot(): void {
    this.#strays.clear();
  }

  /** As a process that died between fork and record leaves one. */
  addStray(): void {
    const vm = newVmId(this.#parts.host.wallMs);
    const { pid, startTicks } = this.#parts.host.start(`stray ${vm}`);
    this.#strays.add({ kind: 'process', pid, startTicks, vm });
  }

  /** The hypervisor as one process of the host has it. */
  usedBy(process: HostProcess): Hypervisor {
    const { observations } = this.#parts;
    const step = <T>(what: string, perform: () => T, longestMs?: number) =>
      this.#parts.faults.effect(process, what, perform, longestMs);
    return {
      resolve: async (pool, request) => resolvedSpecOf(pool, request),
      async *watch() {
        yield { kind: 'there', weaker: null };
      },
      prepare: (_class, _report, signal) => this.#prepare(step, signal),
      create: (vmClass, capacity, deadline, signal) => this.#create(step, vmClass, capacity, deadline, signal),
      claim: (vm, claim) => step(`vm.claim ${vm}`, () => this.#claim(vm, claim)),
      claimNext: (vm, after, claim) => step(`vm.claim ${vm}`, () => this.#claimNext(vm, after, claim)),
      end: (vm, reason) => this.#end(step, vm, reason),
      destroy: async (vm, reason) => {
        if (!this.#vms.has(vm)) return;
        await this.#end(step, vm, reason);
        await step(`vm.remove ${vm}`, () => this.#vms.delete(vm));
      },
      list: async () => this.states,
      find: async (vm) => this.#vms.get(vm) ?? null,
      isAlive: async (vm) => this.machine(vm) !== null,
      missing: async ({ record }) =>
        this.machine(record.vm) === null ? [{ kind: 'process', why: 'its process has ended' }] : [],
      unreadable: async () => [],
      strays: async () => this.strays,
      removeStray: (stray) =>
        step(`stray.remove ${stray.vm}`, () => {
          this.#strays.delete(stray);
          observations.sometimes('a stray was removed');
        }),
    };
  }

  async #prepare(step: Step, signal: AbortSignal): Promise<void> {
    await step('vm.prepare', () => this.#mayFail('prepare'));
    signal.throwIfAborted();
  }

  async #create(
    step: Step,
    vmClass: VmClass,
    capacity: Capacity,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<CreateOutcome> {
    const { host } = this.#parts;
    signal.throwIfAborted();
    const vm = newVmId(host.wallMs);
    const creator = thisProcess();
    const full = await step(`vm.intent ${vm}`, () => this.#intend(vm, vmClass, capacity, { deadline, creator }));
    if (full !== null) return full;
    try {
      const machine = await step(`vm.start ${vm}`, () => this.#start(vm));
      await step(`vm.record ${vm}`, () => this.#record(vm, machine), longestStartMs);
      signal.throwIfAborted();
      await step(`vm.identify ${vm}`, () => this.#identify(vm), longestStartMs);
      signal.throwIfAborted();
      return { kind: 'ready', vm: { id: vm, vmClass, access } };
    } catch (error) {
      await step(`vm.undo ${vm}`, () => this.#forget(vm));
      throw error;
    }
  }

  #intend(
    vm: VmId,
    vmClass: VmClass,
    capacity: Capacity,
    { deadline, creator }: Pick<VmRecord, 'deadline' | 'creator'>,
  ): CreateOutcome | null {
    const all = this.states;
    const full = fullFor(all, vmClass.pool, capacity);
    if (full !== null) return full;
    const ofPool = all.filter(({ record }) => record.pool === vmClass.pool);
    const { pool, image, size, egress, allow } = vmClass as CloneClass;
    const record: CloneRecord = {
      version: 1,
      driver: 'qemu',
      vm,
      pool,
      image: { name: image.name, version: image.version ?? '1.0.0' },
      snapshot: 'simulated',
      size,
      egress,
      allow: [...allow],
      resources: ['slots', 'files', 'process', 'port'],
      slots: { pool: ofPool.length, host: all.length },
      uid: null,
      port: 20_000,
      createdAt: new Date().toISOString(),
      deadline,
      creator,
      process: null,
    };
    this.#vms.set(vm, { phase: 'creating', record });
    return null;
  }

  #start(vm: VmId): HostProcess {
    this.#mayFail('start');
    if (this.#vms.get(vm)?.phase !== 'creating') {
      throw new VmTaskError('vm-not-started', `${vm} was removed meanwhile`);
    }
    const machine = this.#parts.host.start(`qemu ${vm}`);
    this.#machines.set(vm, machine);
    return machine;
  }

  #record(vm: VmId, { pid, startTicks }: HostProcess): void {
    const state = this.#vms.get(vm);
    if (state?.phase !== 'creating') throw new VmTaskError('vm-not-started', `${vm} was removed meanwhile`);
    this.#vms.set(vm, { ...state, record: { ...state.record, process: { pid, startTicks } } });
  }

  #identify(vm: VmId): void {
    this.#mayFail('identify');
    const state = this.#vms.get(vm);
    if (state?.phase !== 'creating' || this.machine(vm) === null) {
      throw new VmTaskError('vm-not-started', `${vm} has gone before it was ready`);
    }
    const ready = { access, since: thisMoment(), timings: { runningMs: 1, identifiedMs: 2 } };
    this.#vms.set(vm, { phase: 'ready', record: state.record, ready });
  }

  #claim(vm: VmId, claim: Claim): boolean {
    const isHad = this.#put(vm, claimed(this.#vms.get(vm), claim));
    if (!isHad) this.#parts.observations.sometimes('a claim was refused');
    return isHad;
  }

  #claimNext(vm: VmId, after: TaskId, claim: Claim): boolean {
    return this.#put(vm, claimedNext(this.#vms.get(vm), after, claim));
  }

  /** False where the rules say no. */
  #put(vm: VmId, state: VmState | null): boolean {
    if (state !== null) this.#vms.set(vm, state);
    return state !== null;
  }

  async #end(step: Step, vm: VmId, reason: string): Promise<void> {
    await step(`vm.end ${vm}`, () => {
      const state = this.#vms.get(vm);
      if (state?.phase === 'creating') this.#noteHalfMade(state.record as CloneRecord);
      this.#put(vm, ending(state, { reason, since: thisMoment() }));
    });
    await step(
      `vm.kill ${vm}`,
      () => {
        this.#mayNotEnd(vm);
        this.#machines.get(vm)?.kill();
      },
      longestEndMs,
    );
  }

  #noteHalfMade({ vm, process }: VmRecord): void {
    const { observations } = this.#parts;
    if (this.machine(vm) === null) observations.sometimes('an intent without a VM was removed');
    else if (process === null) observations.sometimes('a VM that was not recorded was removed');
    else observations.sometimes('a VM without an identity was removed');
  }

  #forget(vm: VmId): void {
    this.#machines.get(vm)?.kill();
    this.#vms.delete(vm);
  }

  #mayNotEnd(vm: VmId): void {
    const { faults, host, observations } = this.#parts;
    if (!faults.happens('hypervisorFails')) return;
    observations.sometimes('the hypervisor failed to kill');
    this.#notEnded.set(vm, { times: (this.#notEnded.get(vm)?.times ?? 0) + 1, atMs: host.nowMs });
    throw new VmTaskError('vm-not-gone', 'the process is still there');
  }

  #mayFail(what: 'prepare' | 'start' | 'identify'): void {
    if (!this.#parts.faults.happens('hypervisorFails')) return;
    this.#parts.observations.sometimes(`the hypervisor failed to ${what}`);
    throw new VmTaskError('vm-not-started', `simulated: ${what}`);
  }
}

/** Whatever is asked for, there is one image. */
function resolvedSpecOf(pool: string, { size, egress, allow = [] }: VmRequest): ResolvedSpec {
  const image = { name: 'python', version: '3.2.0' };
  const vmClass: ExactCloneClass = { driver: 'qemu', pool, image, size, egress, allow };
  return { vmClass, image: 'python@3.2.0', runtimes: { shell: ['/bin/sh', '-eu'] } };
}

type Step = <T>(what: string, perform: () => T, longestMs?: number) => Promise<T>;
