/**
 * The one interface between the services and whatever makes VMs. A driver keeps these promises (I5, I6, I12):
 * the intent is on disk before the first resource, a VM is handed out only after it proved its own identity,
 * and `destroy` returns only when it has *seen* that nothing is left.
 */
import type { TaskId, VmId } from '@vm-task/shared/ids';
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { Deadline } from './ledger/deadline.ts';
import type { UnreadableVm } from './ledger/ledger.ts';
import type { Claim, VmState } from './ledger/vm-record.ts';
import type { ResolvedSpec, VmClass, VmRequest } from './vm-class.ts';

export interface Capacity {
  /** At most so many VMs of the class's pool on this host, whatever they are doing. */
  readonly poolMax: number;
  /** At most so many VMs of all pools on this host. */
  readonly hostMax: number;
}

/** A VM that runs, has an identity of its own and answered over SSH. */
export interface ReadyVm {
  readonly id: VmId;
  readonly vmClass: VmClass;
  readonly access: VmAccess;
}

export type CreateOutcome =
  | { readonly kind: 'ready'; readonly vm: ReadyVm }
  /** Every slot of the pool or of the host is taken; nothing was made. */
  | { readonly kind: 'full'; readonly limit: 'pool' | 'host'; readonly max: number }
  /** The named VM cannot be had now, and nothing was made there: another controller has it, or it does not answer. */
  | { readonly kind: 'away'; readonly reason: string };

/** How a named VM is. */
export type MachineState =
  /** It answers, as itself. `weaker`: what does not hold there that holds elsewhere, as a sentence, or null. */
  { readonly kind: 'there'; readonly weaker: string | null } | { readonly kind: 'away'; readonly reason: string };

/** `note` is one line for people: what is being done now; `fraction` is between 0 and 1 where it is known. */
export type Report = (progress: { readonly note: string; readonly fraction?: number }) => void;

export interface Hypervisor {
  /** The VM that the pool has for a task with that request; what it is made from is made first where it must be. */
  resolve(pool: string, request: VmRequest, report: Report, signal: AbortSignal): Promise<ResolvedSpec>;

  /** Makes sure that a VM of this class can be cloned in milliseconds: image built, snapshot frozen. Safe to call at once from several processes. */
  prepare(vmClass: VmClass, report: Report, signal: AbortSignal): Promise<void>;

  /** A running, identified VM, or `full`. When it throws or is aborted, everything it made is gone again. */
  create(vmClass: VmClass, capacity: Capacity, deadline: Deadline, signal: AbortSignal): Promise<CreateOutcome>;

  /** Takes a ready VM for one attempt. False when somebody else has it, or it is going. */
  claim(vm: VmId, claim: Claim): Promise<boolean>;

  /** Takes a VM that the task `after` has left, kept for another. False when somebody else has it, or it is going. */
  claimNext(vm: VmId, after: TaskId, claim: Claim): Promise<boolean>;

  /**
   * Returns once everything of the VM but its folder and its slots is verified absent; the folder keeps the record, the
   * claim and the reason, so that whoever has to report the end can do it later (I7). Else as `destroy`, which must follow.
   */
  end(vm: VmId, reason: string): Promise<void>;

  /** Returns once the VM is verified absent: process, disk, port, slots, folder. Absent already is success. @throws when something is still there: `vm-not-gone`; then it is in quarantine, and calling this again is the next try. */
  destroy(vm: VmId, reason: string): Promise<void>;

  /** Every VM that the ledger of this host knows and can be read, in order of creation. */
  list(): Promise<readonly VmState[]>;

  /**
   * VMs that this version does not know: their record has another form, or names another driver, as after a newer version.
   * Nobody touches them, and people have to look at them.
   */
  unreadable(): Promise<readonly UnreadableVm[]>;

  /** One VM as the ledger has it, or null. @throws `ledger-unreadable` for one of `unreadable`, as all that is asked of one VM */
  find(vm: VmId): Promise<VmState | null>;

  /** True while the VM's process is there and is the one that the ledger names; of a named VM, while its lease may have left anything there. */
  isAlive(vm: VmId): Promise<boolean>;

  /** How the machine of that pool is: at once, and whenever that changes, until aborted. It may end where nothing can change. */
  watch(pool: string, signal: AbortSignal): AsyncIterable<MachineState>;

  /** What the host lacks of all that a ready or claimed VM has by its record. */
  missing(state: VmState): Promise<readonly Missing[]>;

  /** What on this host carries our mark but is in no ledger: processes, folders without a record, slots. */
  strays(): Promise<readonly Stray[]>;

  /** Removes a stray for good, verified. */
  removeStray(stray: Stray): Promise<void>;
}

/** Something that the ledger says a VM has, and the host does not. */
export interface Missing {
  readonly kind: 'process' | 'file' | 'slot';
  readonly why: string;
}

/** Something on the host that carries this home's mark and is in no ledger. */
export type Stray =
  | { readonly kind: 'process'; readonly pid: number; readonly startTicks: number; readonly vm: VmId }
  | { readonly kind: 'folder'; readonly path: string; readonly vm: VmId }
  | { readonly kind: 'slot'; readonly path: string; readonly vm: VmId };
