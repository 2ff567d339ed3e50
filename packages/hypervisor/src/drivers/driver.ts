/**
 * What a driver is (docs/drivers.md): a *declaration*, which everybody may import, and the *driver* that it opens, which
 * only the hypervisor and the doctor do. The declaration is data, schemas and pure functions; the module with the
 * machinery is loaded at the first `open`.
 *
 * Who asks a driver has looked up its name. So it is given only its own pools, classes and records, and may name their
 * types in its parameters.
 */
import type { Environment } from '@vm-task/shared/environment';
import type { VmId } from '@vm-task/shared/ids';
import type { Size } from '@vm-task/shared/sizes';
import type { TaskFile } from '@vm-task/shared/task-file';
import type { z } from 'zod';
import type { Capacity, CreateOutcome, MachineState, Missing, Report } from '../hypervisor.ts';
import type { Deadline } from '../ledger/deadline.ts';
import type { ProcessRef, VmRecord, VmState } from '../ledger/vm-record.ts';
import type { PoolConfig } from '../pool-config.ts';
import type { ResolvedSpec, VmClass, VmRequest } from '../vm-class.ts';
import type { DriverConfig } from './driver-config.ts';
import type { Finding } from './finding.ts';

/** What others must know of a driver's VMs, so that nobody needs to know its name. */
export interface Capabilities {
  /** A VM is made for each task and removed after it. Else the pool is one machine, which is lent, and stays. */
  readonly clones: boolean;
  /** VMs may wait, ready, for a task that is still to come. */
  readonly warm: boolean;
  /** A VM has a process and files on this host, and its memory is this host's. */
  readonly processOnHost: boolean;
  /** The system in the VM is the task's alone: its memory and the login's home. Else a task has a share of somebody's system. */
  readonly ownSystem: boolean;
}

/** One thing that the driver's `doctor` can look at. */
export interface DriverCheck {
  /** Of no other check. */
  readonly name: string;
  /** Longer than the slowest answer that is still a good one; what takes longer fails. */
  readonly limitMs: number;
  /** What is weaker by its finding is the wall between two tasks, or between one and its host: `status` says it, too. */
  readonly isIsolation?: boolean;
}

export interface DriverDeclaration {
  /** In `vm-task.yaml`, in the ledger and in events: never another one for the same driver. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** A pool in `vm-task.yaml`, whole. It has the key `driver` with the driver's name. */
  readonly pool: z.ZodType<PoolConfig> & z.core.$ZodTypeDiscriminable;
  /** `vm.json`, whole: `recordFields` and the driver's own. */
  readonly record: z.ZodType<VmRecord>;
  readonly checks: readonly DriverCheck[];

  /**
   * The machine that a task gets of the pool with that name.
   * @throws `no-size-fits`, `image-not-allowed`; `invalid-task` for a request that no machine of the pool can meet
   */
  plan(file: TaskFile, name: string, pool: PoolConfig): VmRequest;

  /** What the pool has for a task that asks for nothing: the image, and every size, the usual one first. */
  describe(name: string, pool: PoolConfig): PoolDescription;

  /** Nothing is looked at, made or started before the driver is asked for something. */
  open(options: DriverOptions): Promise<Driver>;
}

export interface PoolDescription {
  readonly image: string;
  readonly sizes: readonly Size[];
}

export interface DriverOptions {
  readonly environment: Environment;
  readonly config: DriverConfig;
}

/** One way to have VMs. What concerns the ledger alone is the same for all, and none of a driver's business. */
export interface Driver {
  /** As `Hypervisor.resolve`. The class that it answers is exact: an image has its version. */
  resolve(pool: string, request: VmRequest, report: Report, signal: AbortSignal): Promise<ResolvedSpec>;

  /** As `Hypervisor.prepare`. */
  prepare(vmClass: VmClass, report: Report, signal: AbortSignal): Promise<void>;

  /** As `Hypervisor.create`: slots first, then the record, then the first resource (I5); the identity is proved last (I12). */
  create(vmClass: VmClass, capacity: Capacity, deadline: Deadline, signal: AbortSignal): Promise<CreateOutcome>;

  /**
   * As `Hypervisor.end`. With `processOnHost` it is called as well for a VM whose record is lost, of whichever driver:
   * then what carries the VM's mark goes.
   */
  end(vm: VmId, reason: string): Promise<void>;

  /** As `Hypervisor.isAlive`. */
  isAlive(state: VmState): Promise<boolean>;

  /** What the host lacks of all that a ready or claimed VM has by its record, besides slots. */
  missing(state: VmState): Promise<readonly Missing[]>;

  /** Every process on this host that carries the mark of a VM of this home, whether the ledger knows the VM or not. */
  strays(): Promise<readonly MarkedProcess[]>;

  /** As `Hypervisor.watch`. It may end at once where nothing can change. */
  watch(pool: string, signal: AbortSignal): AsyncIterable<MachineState>;

  /** Looks at one of `checks`, for all pools of the driver, and alters nothing. @throws `NotCheckable`; anything else is a finding */
  doctor(check: string, signal: AbortSignal): Promise<Finding>;
}

export interface MarkedProcess extends ProcessRef {
  readonly vm: VmId;
}
