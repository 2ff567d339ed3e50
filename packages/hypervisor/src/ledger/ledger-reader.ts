/** The ledger for whoever looks at all of it again and again: a VM's files are read once, and again when one has changed. */
import { readdir, stat } from 'node:fs/promises';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type VmId } from '@vm-task/shared/ids';
import { emptyIfMissing, nullIfMissing } from '../host/missing.ts';
import { readVm, type UnreadableVm } from './ledger.ts';
import type { VmState } from './vm-record.ts';

type Vm = VmState | UnreadableVm;

interface Known {
  readonly changedNs: bigint;
  readonly vm: Vm | null;
}

/** A file system's clock goes in steps, of 10 ms at most: a change so soon after another may not move it. */
const settledNs = 100_000_000n;

/**
 * Every file of a VM appears, changes and goes by a rename, a link or a removal in its folder, and each of them moves the
 * folder's time of change. So what one process writes, another one sees at its next look.
 */
export class LedgerReader {
  readonly #home: Home;
  #known: ReadonlyMap<VmId, Known> = new Map();

  constructor(home: Home) {
    this.#home = home;
  }

  /** Every VM with a record, the oldest first. */
  async vms(): Promise<Vm[]> {
    const names = (await readdir(this.#home.vms).catch(emptyIfMissing)).filter(isVmId).sort();
    const looked = await Promise.all(names.map((vm) => this.#look(vm)));
    // Of what two looks find at once the later one stays; either is right, and what has gone is forgotten.
    this.#known = new Map(looked.flatMap(({ id, known }) => (known === null ? [] : [[id, known]])));
    return looked.flatMap(({ vm }) => (vm === null ? [] : [vm]));
  }

  async #look(id: VmId) {
    const folder = await stat(this.#home.vm(id).root, { bigint: true }).catch(nullIfMissing);
    if (folder === null) return { id, known: null, vm: null };
    const before = this.#known.get(id);
    if (before?.changedNs === folder.ctimeNs) return { id, known: before, vm: before.vm };
    const isSettled = BigInt(Date.now()) * 1_000_000n - folder.ctimeNs > settledNs;
    const vm = await readVm(this.#home, id);
    return { id, known: isSettled ? { changedNs: folder.ctimeNs, vm } : null, vm };
  }
}
