/**
 * Secrets out of output streams, in the forms that tools print.
 *
 * | file | role |
 * |---|---|
 * | `mask/forms.ts` | the forms of a secret |
 * | `mask/automaton.ts` | all of them found in one reading |
 * | `mask/reading.ts` | the ways to read a stream: as it is, as base64, as hexadecimal digits |
 */
import { base64Forms, hexForms, textForms } from './mask/forms.ts';
import { Reading, type Way, wayOf } from './mask/reading.ts';

export interface Masker {
  /** Whether a secret was in what was pushed, as far as it came to its end; it stays true. Nothing of it was given away before. */
  readonly hasFound: boolean;
  /** What may be shown now; bytes that may be the start of a secret are held back until more comes. */
  push(bytes: Uint8Array): Buffer;
  /** What was held back, at the end of the stream. */
  flush(): Buffer;
}

/** Of all secrets of a task together: each byte costs some hundreds of bytes of memory while the task runs. */
export const secretsMaxBytes = 32 * 1024;

/**
 * Each byte of a secret becomes `*`, wherever chunks are cut, so offsets stay true. Besides the secret itself its
 * lines are masked, and as a whole: base64 of either alphabet, whatever stands before it, also in lines of 16 characters
 * or more, of which at most three before a line end stay; hexadecimal digits in the same way; and what URLs, JSON, XML and shells make of it.
 * The work is linear in the stream, whatever the secrets are.
 */
export class Mask {
  /** A masker that begins so many bytes before a place masks from there on as if it had seen everything before. */
  readonly reachBytes: number;
  readonly #ways: readonly Way[];

  constructor(secrets: readonly string[]) {
    this.#ways = secrets.some((secret) => secret !== '') ? waysOf(secrets) : [];
    this.reachBytes = Math.max(0, ...this.#ways.map(({ reachBytes }) => reachBytes - 1));
  }

  /** One for each stream, because it remembers. */
  masker(): Masker {
    return new StreamMasker(this.#ways.map((way) => new Reading(way)));
  }
}

function waysOf(secrets: readonly string[]): Way[] {
  const all = [
    wayOf(secrets.flatMap(textForms), false),
    wayOf(secrets.flatMap(base64Forms), true, (byte) => urlAlphabet.get(byte) ?? byte),
    wayOf(secrets.flatMap(hexForms), true, (byte) => (byte >= 0x41 && byte <= 0x46 ? byte + 0x20 : byte)),
  ];
  return all.filter(({ reachBytes }) => reachBytes > 0);
}

/** `-` counts as `+`, and `_` as `/`. */
const urlAlphabet = new Map([
  [0x2d, 0x2b],
  [0x5f, 0x2f],
]);

class StreamMasker implements Masker {
  readonly #readings: readonly Reading[];
  /** What was held back, as it came and as it will be shown: it may be part of a secret already and still start one. */
  #plain: Buffer = Buffer.alloc(0);
  #shown: Buffer = Buffer.alloc(0);

  constructor(readings: readonly Reading[]) {
    this.#readings = readings;
  }

  get hasFound(): boolean {
    return this.#readings.some((reading) => reading.hasFound);
  }

  push(bytes: Uint8Array): Buffer {
    const before = this.#plain.length;
    const plain = Buffer.concat([this.#plain, bytes]);
    const shown = Buffer.concat([this.#shown, bytes]);
    const held = Math.max(0, ...this.#readings.map((reading) => reading.read(plain, before)));
    const ready = plain.length - held;
    for (const reading of this.#readings) reading.hide(plain, shown, ready);
    this.#plain = plain.subarray(ready);
    this.#shown = shown.subarray(ready);
    return shown.subarray(0, ready);
  }

  flush(): Buffer {
    const shown = this.#shown;
    this.#plain = Buffer.alloc(0);
    this.#shown = Buffer.alloc(0);
    return shown;
  }
}
