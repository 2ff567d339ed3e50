/** What a VM is made from, or which one it is. Two VMs of one class differ in nothing but their identity. */
import { isDeepStrictEqual } from 'node:util';
import type { Size } from '@vm-task/shared/sizes';
import type { VmRecord } from './ledger/vm-record.ts';

export type Egress = 'none' | 'internet';

/** A driver adds fields of its own. All that a class says stands in the record of its VMs, too, under the same names. */
export interface VmClass {
  readonly driver: string;
  readonly pool: string;
  readonly size: Size;
}

/** What a task says of the VM that it wants. */
export interface VmRequest {
  readonly image: string;
  readonly size: Size;
  readonly egress: Egress;
  /** With `none`: what it reaches by name all the same (`@vm-task/shared/egress`). */
  readonly allow?: string[] | undefined;
}

/** What a pool makes of a request. */
export interface ResolvedSpec {
  readonly vmClass: VmClass;
  /** For people: `python@3.2.0`, or the name of a named VM. */
  readonly image: string;
  /** What a task may name as its runtime, and the argv that a script's path is appended to. */
  readonly runtimes: Readonly<Record<string, string[]>>;
}

/** True when the VM differs from others of the class, as it was resolved, in nothing but its identity. */
export function isOfClass(record: VmRecord, vmClass: VmClass): boolean {
  return Object.entries(vmClass).every(([key, value]) => isDeepStrictEqual(Reflect.get(record, key), value));
}

/** True when VMs of one are as good as those of the other. */
export function isSameClass(one: VmClass, other: VmClass): boolean {
  return isDeepStrictEqual(one, other);
}
