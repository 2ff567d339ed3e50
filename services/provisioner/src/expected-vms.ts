/**
 * VMs that pipelines will want soon, by the claims of those that work for them now. Each is asked for once: whoever takes
 * it, be it another task, takes it for good. Nothing is promised, and nothing is lost when this process dies.
 */
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimOf } from '@vm-task/hypervisor/release-vm';
import type { ExpectedVm } from '@vm-task/shared/expected-vm';

/** From the end of a task to the claim of the next one it takes less than a second; a provisioner that was away takes longer. */
const rememberedMs = 30_000;

interface Known {
  readonly vm: ExpectedVm;
  lastMs: number;
  isMade: boolean;
  isHopeless: boolean;
}

export interface Expectation {
  readonly vm: ExpectedVm;
  /** Nothing more is to be made for it: it has been, or nobody tells of it any more. */
  readonly isMade: boolean;
}

export class ExpectedVms {
  readonly #pool: string;
  readonly #known = new Map<string, Known>();

  constructor(pool: string) {
    this.#pool = pool;
  }

  /** Those that are told of, or were until a moment ago. Times are monotonic. */
  look(states: readonly VmState[], nowMs: number): Expectation[] {
    const told = states.flatMap((state) => claimOf(state)?.expects ?? []).filter(({ pool }) => pool === this.#pool);
    for (const vm of told) {
      const known = this.#known.get(keyOf(vm));
      if (known === undefined) this.#known.set(keyOf(vm), { vm, lastMs: nowMs, isMade: false, isHopeless: false });
      else known.lastMs = nowMs;
    }
    for (const [key, { lastMs }] of this.#known) if (nowMs - lastMs > rememberedMs) this.#known.delete(key);
    const hoped = [...this.#known.values()].filter(({ isHopeless }) => !isHopeless);
    return hoped.map(({ vm, isMade, lastMs }) => ({ vm, isMade: isMade || lastMs < nowMs }));
  }

  made({ vm }: Expectation): void {
    const known = this.#known.get(keyOf(vm));
    if (known !== undefined) known.isMade = true;
  }

  /** Not given again, as long as it is told of. */
  giveUp({ vm }: Expectation): void {
    const known = this.#known.get(keyOf(vm));
    if (known !== undefined) known.isHopeless = true;
  }
}

function keyOf({ pipeline, stage }: ExpectedVm): string {
  return `${pipeline} ${stage}`;
}
