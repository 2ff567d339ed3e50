/** What a VM is made from, or which one it is. Two VMs of one class differ in nothing but their identity. */
import type { Size } from '@vm-task/shared/sizes';
import type { ImageRef, ImageVersion } from './images/image.ts';
import type { VmRecord } from './ledger/vm-record.ts';

export type Egress = 'none' | 'internet';

/** Cloned from an image at one size, and destroyed after its task. */
export interface CloneClass {
  readonly driver: 'qemu';
  readonly pool: string;
  readonly image: ImageRef;
  readonly size: Size;
  readonly egress: Egress;
}

/** The one machine of its pool, which is there before and after; `size` is what its task may use of it. */
export interface NamedClass {
  readonly driver: 'ssh';
  readonly pool: string;
  readonly size: Size;
}

export type VmClass = CloneClass | NamedClass;

/** A class whose image is one exact version. */
export type ExactClass = (CloneClass & { readonly image: ImageVersion }) | NamedClass;

/** What a task says of the VM that it wants. */
export interface Wish {
  readonly image: string;
  readonly size: Size;
  readonly egress: Egress;
}

/** What a pool has for a wish. */
export interface Offer {
  readonly vmClass: ExactClass;
  /** For people: `python@3.2.0`, or the name of a named VM. */
  readonly image: string;
  /** What a task may name as its runtime, and the argv that a script's path is appended to. */
  readonly runtimes: Readonly<Record<string, string[]>>;
}

/** True when the VM differs from others of the class in nothing but its identity. */
export function isOfClass(record: VmRecord, vmClass: ExactClass): boolean {
  if (record.pool !== vmClass.pool || !isSameSize(record.size, vmClass.size)) return false;
  if (record.driver === 'ssh' || vmClass.driver === 'ssh') return record.driver === vmClass.driver;
  const { image, egress } = vmClass;
  return record.image.name === image.name && record.image.version === image.version && record.egress === egress;
}

function isSameSize(one: Size, other: Size): boolean {
  return one.cpus === other.cpus && one.memoryMiB === other.memoryMiB && one.diskMiB === other.diskMiB;
}
