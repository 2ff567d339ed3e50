/** What one run of a seed shows: its trace, which promise was broken first, and which interesting things happened. */
import { hashOf } from './random.ts';
import type { Sometimes } from './sometimes.ts';

export interface Violation {
  /** The promise: I1 … I13. */
  readonly promise: string;
  readonly what: string;
}

export class Observations {
  readonly #nowMs: () => number;
  readonly #lines: string[] = [];
  readonly #seen = new Set<Sometimes>();
  #hash = hashOf('');
  #violation: Violation | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** One line for everything that happens; two runs of a seed have the same ones. */
  trace(what: string): void {
    const line = `${this.#nowMs().toFixed(3)} ${what}`;
    this.#hash = hashOf(line, this.#hash);
    this.#lines.push(line);
  }

  sometimes(what: Sometimes): void {
    this.#seen.add(what);
  }

  /** The first one counts: what follows from it tells nothing new. */
  broken(promise: string, what: string): void {
    this.trace(`BROKEN ${promise}: ${what}`);
    this.#violation ??= { promise, what };
  }

  get violation(): Violation | null {
    return this.#violation;
  }

  get seen(): ReadonlySet<Sometimes> {
    return this.#seen;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }
}
