/**
 * The one interface between the services and whatever makes VMs. A driver keeps these promises (I5, I6, I12):
 * the intent is on disk before the first resource, a VM is handed out only after it proved its own identity,
 * and `destroy` returns only when it has *seen* that nothing is left.
 */
import type { VmId } from '@vm-task/shared/ids';
import type { Size } from '@vm-task/shared/sizes';
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { ImageRef } from './images/image.ts';
import type { Deadline } from './ledger/deadline.ts';
import type { Claim, VmState } from './ledger/vm-record.ts';

export type Egress = 'none' | 'internet';

/** What a VM is made from. Two VMs of one class differ in nothing but their identity. */
export interface VmClass {
  readonly pool: string;
  readonly image: ImageRef;
  readonly size: Size;
  readonly egress: Egress;
}

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
  | { readonly kind: 'full'; readonly limit: 'pool' | 'host'; readonly max: number };

/** `note` is one line for people: what is being done now; `fraction` is between 0 and 1 where it is known. */
export type Report = (progress: { readonly note: string; readonly fraction?: number }) => void;

export interface Hypervisor {
  /** Makes sure that a VM of this class can be cloned in milliseconds: image built, snapshot frozen. Safe to call at once from several processes. */
  prepare(vmClass: VmClass, report: Report, signal: AbortSignal): Promise<void>;

  /** A running, identified VM, or `full`. When it throws or is aborted, everything it made is gone again. */
  create(vmClass: VmClass, capacity: Capacity, deadline: Deadline, signal: AbortSignal): Promise<CreateOutcome>;

  /** Takes a ready VM for one attempt. False when somebody else has it, or it is going. */
  claim(vm: VmId, claim: Claim): Promise<boolean>;

  /**
   * Returns once everything of the VM but its folder is verified absent; the folder keeps the record, the claim and
   * the reason, so that whoever has to tell of the end can do it later (I7). Else as `destroy`, which must follow.
   */
  end(vm: VmId, reason: string): Promise<void>;

  /** Returns once the VM is verified absent: process, disk, port, slots, folder. Absent already is success. Thrown when something is still there: `vm-not-gone`. */
  destroy(vm: VmId, reason: string): Promise<void>;

  /** Every VM that the ledger of this host knows, in order of creation. */
  list(): Promise<readonly VmState[]>;

  /** One VM as the ledger has it, or null. */
  find(vm: VmId): Promise<VmState | null>;

  /** True while the VM's process is there and is the one that the ledger names. */
  isAlive(vm: VmId): Promise<boolean>;

  /** What on this host carries our mark but is in no ledger: processes, folders without a record. */
  strays(): Promise<readonly Stray[]>;

  /** Removes a stray for good, verified. */
  removeStray(stray: Stray): Promise<void>;
}

/** Something on the host that carries this home's mark and is in no ledger. */
export type Stray =
  | { readonly kind: 'process'; readonly pid: number; readonly startTicks: number; readonly vm: VmId }
  | { readonly kind: 'folder'; readonly path: string; readonly vm: VmId }
  | { readonly kind: 'slot'; readonly path: string; readonly vm: VmId };
