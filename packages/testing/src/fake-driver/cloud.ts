/** Machines elsewhere, as some provider has them: here they are names, and one guest answers for all. */
import type { VmId } from '@vm-task/shared/ids';
import type { VmAccess } from '@vm-task/shared/vm-access';

export class Cloud {
  readonly machines = new Set<VmId>();
  readonly access: VmAccess;
  readonly privateKey: string;
  /** False: it takes no orders. */
  isUp = true;

  constructor({ access, privateKey }: { readonly access: VmAccess; readonly privateKey: string }) {
    this.access = access;
    this.privateKey = privateKey;
  }

  start(vm: VmId): void {
    this.#requireUp();
    this.machines.add(vm);
  }

  stop(vm: VmId): void {
    this.#requireUp();
    this.machines.delete(vm);
  }

  #requireUp(): void {
    if (!this.isUp) throw new Error('the cloud takes no orders');
  }
}
