/**
 * Time that passes only when everything has been done that could be done without it. One event after the other, in the
 * order of their times; what belongs to a process that has died never happens, what belongs to a paused one waits.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import TinyQueue from 'tinyqueue';

/** Whoever waits: a process that may have died, or be stopped, when the time comes. */
export interface Owner {
  readonly isAlive: boolean;
  /** Until then nothing of it happens. */
  readonly pausedUntilMs: number;
}

export interface Scheduled {
  cancel(): void;
}

interface Entry {
  atMs: number;
  readonly order: number;
  readonly owner: Owner | null;
  readonly action: () => void;
  cancelled: boolean;
}

// Taken before the clock of the services is replaced.
const realSetImmediate = setImmediate;

/** Whose code runs just now; it follows the code through everything that is awaited. */
const running = new AsyncLocalStorage<Owner | null>();

export function runAs<T>(owner: Owner | null, action: () => T): T {
  return running.run(owner, action);
}

export function whoRuns(): Owner | null {
  return running.getStore() ?? null;
}

export class VirtualTime {
  readonly #queue = new TinyQueue<Entry>([], (a, b) => a.atMs - b.atMs || a.order - b.order);
  #nowMs = 0;
  #order = 0;

  /** Milliseconds since the beginning of the simulation. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** `owner` null: nobody's, it happens in any case. */
  after(delayMs: number, owner: Owner | null, action: () => void): Scheduled {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const entry: Entry = { atMs, order: ++this.#order, owner, action, cancelled: false };
    this.#queue.push(entry);
    return {
      cancel() {
        entry.cancelled = true;
      },
    };
  }

  /** Never resolves for an owner that dies meanwhile: whatever waits for it stops dead there. */
  sleep(delayMs: number, owner: Owner | null): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, owner, resolve));
  }

  /** Lets time run; `afterEach` is called when everything that follows from one event was done. */
  async run(until: () => boolean, limitMs: number, afterEach: () => void): Promise<void> {
    await allDone();
    while (!until()) {
      const entry = this.#queue.pop();
      if (entry === undefined) return;
      if (entry.atMs > limitMs) {
        this.#queue.push(entry);
        this.#nowMs = limitMs;
        return;
      }
      this.#nowMs = entry.atMs;
      if (!this.#happens(entry)) continue;
      runAs(entry.owner, entry.action);
      await allDone();
      afterEach();
    }
  }

  #happens(entry: Entry): boolean {
    const { owner } = entry;
    if (entry.cancelled || owner?.isAlive === false) return false;
    if (owner === null || owner.pausedUntilMs <= this.#nowMs) return true;
    entry.atMs = owner.pausedUntilMs;
    this.#queue.push(entry);
    return false;
  }
}

/** Every promise that could settle has: Node comes here only when its queues of promises and ticks are empty. */
function allDone(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve));
}
