/** One way to read a stream: as it is, or as digits of base64 or of hexadecimal numbers, which lines may break. */
import { Automaton } from './automaton.ts';

/** Fewer digits than this before the end of a line are shown, so that a line appears when it ends. */
const shownBeforeBreak = 4;
/** No tool writes shorter lines of digits; it bounds how far apart the digits of one secret can stand. */
const lineMinDigits = 16;

const lineFeed = 10;
const carriageReturn = 13;

export interface Way {
  readonly automaton: Automaton;
  /** What each byte counts as. */
  readonly fold: Uint8Array;
  /** For each byte the state behind it where nothing was begun: 0 for nearly all of them, at which reading is fastest. */
  readonly begins: Uint32Array;
  /** Line ends are not part of what is looked for. */
  readonly broken: boolean;
  /** From the first to the last byte of anything that is found. */
  readonly reachBytes: number;
}

export function wayOf(needles: readonly string[], broken: boolean, foldOf = (byte: number) => byte): Way {
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => foldOf(byte));
  const automaton = new Automaton(needles.map((needle) => Buffer.from(needle).map((byte) => fold[byte] ?? byte)));
  const begins = Uint32Array.from(fold, (byte) => automaton.step(0, byte));
  const { maxLength } = automaton;
  const breaks = broken ? 2 * (Math.floor(maxLength / lineMinDigits) + 1) : 0;
  return { automaton, fold, begins, broken, reachBytes: maxLength === 0 ? 0 : maxLength + breaks };
}

/** Where in the stream the reading is, and what it found in the bytes that are still held. */
export class Reading {
  readonly #way: Way;
  #state = 0;
  /** The last byte before those that are held. */
  #before = 0;
  /** Index of the last line end before which nothing is hidden because of what ends behind it; -1 for none. */
  #barrier = -1;
  /** For each held byte how much is hidden that ends there; null where nothing does. */
  #found: Uint32Array | null = null;
  #hasFound = false;

  constructor(way: Way) {
    this.#way = way;
  }

  get hasFound(): boolean {
    return this.#hasFound;
  }

  /** Reads on in `plain`, whose first `held` bytes it has read before. Returns how many at the end must be held. */
  read(plain: Uint8Array, held: number): number {
    if (this.#found !== null) this.#found = resized(this.#found, plain.length);
    const { automaton, begins, fold } = this.#way;
    let state = this.#state;
    for (let at = held; at < plain.length; at++) {
      if (state === 0) {
        while (at < plain.length && begins[plain[at] as number] === 0) at++;
        if (at === plain.length) break;
      }
      const byte = plain[at] as number;
      if (this.#isLineEnd(byte)) {
        state = this.#break(plain, at, state);
        continue;
      }
      state = automaton.step(state, fold[byte] as number);
      const length = automaton.ending(state);
      if (length !== 0) this.#note(plain, at, length);
    }
    this.#state = state;
    return this.#heldOf(plain);
  }

  #note(plain: Uint8Array, at: number, length: number): void {
    this.#hasFound = true;
    this.#found ??= new Uint32Array(plain.length);
    this.#found[at] = this.#barrier < 0 ? length : this.#digitsBefore(plain, at + 1, this.#barrier, length);
  }

  /** What may go on behind the line end. */
  #break(plain: Uint8Array, at: number, state: number): number {
    const isSecondHalf = plain[at] === lineFeed && this.#byteBefore(plain, at) === carriageReturn;
    if (isSecondHalf) return state;
    const { automaton } = this.#way;
    const open = automaton.shorten(state, automaton.open(state));
    const digits = this.#digitsInLine(plain, at);
    // In a short line only what begins there may go on.
    const next = digits < lineMinDigits ? automaton.shorten(open, digits) : open;
    const depth = automaton.depth(next);
    if (depth > 0 && depth < shownBeforeBreak) this.#barrier = at;
    return next;
  }

  #byteBefore(plain: Uint8Array, at: number): number {
    return at === 0 ? this.#before : (plain[at - 1] as number);
  }

  /** In the line that ends at `at`, as far as it matters. All that may go on is held, so none of it is missing. */
  #digitsInLine(plain: Uint8Array, at: number): number {
    let digits = 0;
    while (digits < lineMinDigits && digits < at && !this.#isLineEnd(plain[at - 1 - digits] as number)) digits++;
    return digits;
  }

  /** Between two places, `most` at most. */
  #digitsBefore(plain: Uint8Array, end: number, begin: number, most: number): number {
    let digits = 0;
    for (let at = end - 1; at > begin && digits < most; at--) if (!this.#isLineEnd(plain[at] as number)) digits++;
    return digits;
  }

  /** Back over as many bytes as the state is still open for. */
  #heldOf(plain: Uint8Array): number {
    let open = this.#way.automaton.open(this.#state);
    if (!this.#way.broken) return open;
    let at = plain.length;
    while (open > 0 && at > this.#barrier + 1) {
      at--;
      if (!this.#isLineEnd(plain[at] as number)) open--;
    }
    return plain.length - at;
  }

  #isLineEnd(byte: number): boolean {
    return this.#way.broken && (byte === lineFeed || byte === carriageReturn);
  }

  /** Hides in `shown` what was found, line ends of broken ones aside, and forgets all before `ready`. */
  hide(plain: Uint8Array, shown: Uint8Array, ready: number): void {
    if (ready > 0) this.#before = plain[ready - 1] as number;
    this.#barrier = Math.max(-1, this.#barrier - ready);
    if (this.#found === null) return;
    this.#hideFound(this.#found, plain, shown);
    const left = this.#found.slice(ready);
    this.#found = left.some((length) => length !== 0) ? left : null;
  }

  /** Backwards, so that each byte is looked at once, however much of what was found overlaps. */
  #hideFound(found: Uint32Array, plain: Uint8Array, shown: Uint8Array): void {
    let left = 0;
    for (let at = plain.length - 1; at >= 0; at--) {
      if (this.#isLineEnd(plain[at] as number)) continue;
      left = Math.max(left, found[at] as number);
      if (left === 0) continue;
      shown[at] = star;
      left--;
    }
  }
}

const star = 42;

function resized(array: Uint32Array, length: number): Uint32Array {
  const longer = new Uint32Array(length);
  longer.set(array);
  return longer;
}
