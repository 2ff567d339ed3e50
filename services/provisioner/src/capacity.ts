/**
 * Capacity for tasks: how many more messages a pool may take. Decided by the ledger, which all provisioners of the
 * host share, and by what this one has in flight already. What it gets wrong waits with its message, and loses nothing.
 */
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';

export interface CapacityLimits {
  readonly poolMax: number;
  readonly hostMax: number;
}

/** Other processes free slots too, and tell nobody; a waiting task sees it after so long. */
const lookEveryMs = 1_000;

/** How many messages more may be taken: a warm VM is capacity, whatever its class is, because it can go. */
export function freePermits(
  states: readonly VmState[],
  pool: string,
  inFlight: number,
  limits: CapacityLimits,
): number {
  // What is being made here is made for a message in flight, or becomes a warm VM.
  const taken = states.filter((state) => state.phase === 'claimed' || state.phase === 'ending');
  const takenOfPool = taken.filter((state) => state.record.pool === pool).length;
  return Math.min(limits.poolMax - takenOfPool, limits.hostMax - taken.length) - inFlight;
}

export class Capacity {
  readonly #list: () => Promise<readonly VmState[]>;
  readonly #limits: (pool: string) => CapacityLimits;
  readonly #permits = new Map<string, number>();
  readonly #waiting = new Map<string, number>();
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #sleepers = new Set<() => void>();
  #changes = 0;

  constructor(list: () => Promise<readonly VmState[]>, limits: (pool: string) => CapacityLimits) {
    this.#list = list;
    this.#limits = limits;
  }

  /** How often something has changed here; what `nextChange` compares with. */
  get changes(): number {
    return this.#changes;
  }

  /** Tasks in flight that have no VM yet: they come before any warm VM. */
  waitingIn(pool: string | 'any'): number {
    if (pool !== 'any') return this.#waiting.get(pool) ?? 0;
    return [...this.#waiting.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when the pool has capacity for one more message, first come first served. @throws the signal's reason. */
  admit(pool: string, signal: AbortSignal): Promise<{ release: () => void }> {
    const before = this.#queues.get(pool) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => this.#grant(pool, signal));
    this.#queues.set(pool, mine);
    return mine;
  }

  async #grant(pool: string, signal: AbortSignal): Promise<{ release: () => void }> {
    for (;;) {
      signal.throwIfAborted();
      const seen = this.#changes;
      const states = await this.#list();
      if (freePermits(states, pool, this.#permits.get(pool) ?? 0, this.#limits(pool)) > 0) {
        count(this.#permits, pool, 1);
        return { release: () => this.#change(() => count(this.#permits, pool, -1)) };
      }
      await this.nextChange(seen, signal);
    }
  }

  /** Counts a task as waiting for its VM until disposed of. */
  waitFor(pool: string): Disposable {
    count(this.#waiting, pool, 1);
    return { [Symbol.dispose]: () => this.#change(() => count(this.#waiting, pool, -1)) };
  }

  /** Something was freed or made: whoever waits looks again. */
  changed(): void {
    this.#change(() => undefined);
  }

  #change(what: () => void): void {
    what();
    this.#changes += 1;
    for (const wake of [...this.#sleepers]) wake();
  }

  /** Returns when anything has changed since `seen`, and after a second in any case. @throws the signal's reason. */
  async nextChange(seen: number, signal: AbortSignal, limitMs = lookEveryMs): Promise<void> {
    signal.throwIfAborted();
    if (this.#changes !== seen) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => reject(signal.reason);
    const timer = setTimeout(resolve, limitMs);
    this.#sleepers.add(resolve);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#sleepers.delete(resolve);
      signal.removeEventListener('abort', giveUp);
    }
  }
}

function count(counts: Map<string, number>, pool: string, by: number): void {
  counts.set(pool, (counts.get(pool) ?? 0) + by);
}
