/**
 * Aho–Corasick: all needles in one reading, one step for each byte, however many needles there are and however long they
 * are. Its memory is some twenty bytes for each byte of the needles.
 */
export class Automaton {
  /** Length of the longest needle. */
  readonly maxLength: number;
  /** A state is what was read last, as far as it begins a needle; 0 is nothing of that. How long that is: */
  readonly #depth: Uint32Array;
  /** The longest needle that ends here, in bytes; 0 for none. */
  readonly #ending: Uint32Array;
  /** So many of the last bytes may go on to be a needle. */
  readonly #open: Uint32Array;
  readonly #fail: Uint32Array;
  readonly #child: Uint32Array;
  readonly #sibling: Uint32Array;
  readonly #label: Uint8Array;
  readonly #fromStart = new Uint32Array(256);
  #size = 1;

  constructor(needles: readonly Uint8Array[]) {
    const capacity = needles.reduce((sum, { length }) => sum + length, 1);
    const perState = () => new Uint32Array(capacity);
    this.#depth = perState();
    this.#ending = perState();
    this.#open = perState();
    this.#fail = perState();
    this.#child = perState();
    this.#sibling = perState();
    this.#label = new Uint8Array(capacity);
    this.maxLength = needles.reduce((most, { length }) => Math.max(most, length), 0);
    for (const needle of needles) this.#add(needle);
    this.#link();
  }

  depth(state: number): number {
    return this.#depth[state] as number;
  }

  ending(state: number): number {
    return this.#ending[state] as number;
  }

  open(state: number): number {
    return this.#open[state] as number;
  }

  step(from: number, byte: number): number {
    for (let state = from; state !== 0; state = this.#fail[state] as number) {
      const next = this.#childOf(state, byte);
      if (next !== 0) return next;
    }
    return this.#fromStart[byte] as number;
  }

  /** What is left of a state that may be no deeper than that. */
  shorten(from: number, depth: number): number {
    let state = from;
    while ((this.#depth[state] as number) > depth) state = this.#fail[state] as number;
    return state;
  }

  #childOf(state: number, byte: number): number {
    let child = this.#child[state] as number;
    while (child !== 0 && this.#label[child] !== byte) child = this.#sibling[child] as number;
    return child;
  }

  #add(needle: Uint8Array): void {
    let state = 0;
    for (const byte of needle) {
      let next = state === 0 ? (this.#fromStart[byte] as number) : this.#childOf(state, byte);
      if (next === 0) {
        next = this.#size++;
        this.#label[next] = byte;
        this.#depth[next] = (this.#depth[state] as number) + 1;
        this.#sibling[next] = this.#child[state] as number;
        this.#child[state] = next;
        if (state === 0) this.#fromStart[byte] = next;
      }
      state = next;
    }
    this.#ending[state] = needle.length;
  }

  /** The shorter ones first: what a state falls back to is complete before it is asked. */
  #link(): void {
    const queue = new Uint32Array(this.#size);
    let end = 1;
    for (let at = 0; at < end; at++) {
      const state = queue[at] as number;
      for (let child = this.#child[state] as number; child !== 0; child = this.#sibling[child] as number) {
        const fail = state === 0 ? 0 : this.step(this.#fail[state] as number, this.#label[child] as number);
        this.#fail[child] = fail;
        if (this.#ending[child] === 0) this.#ending[child] = this.#ending[fail] as number;
        this.#open[child] = (this.#child[child] === 0 ? this.#open[fail] : this.#depth[child]) as number;
        queue[end++] = child;
      }
    }
  }
}
