/** Secrets out of output streams. */

export interface Masker {
  /** What may be shown now; bytes that may be the start of a secret are held back until more comes. */
  push(bytes: Uint8Array): Buffer;
  /** What was held back, at the end of the stream. */
  flush(): Buffer;
}

/**
 * Each byte of a secret becomes `*`, wherever chunks are cut, so offsets stay true. Besides the secret itself its
 * lines, its base64 form and its form inside a JSON string are masked. One masker per stream, because it remembers.
 */
export function createMasker(secrets: readonly string[]): Masker {
  const needles = [...new Set(secrets.flatMap(formsOf))].map((form) => Buffer.from(form));
  return new StreamMasker(needles);
}

/** A masker that begins so many bytes before a place masks from there on as if it had seen everything before. */
export function maskReachBytes(secrets: readonly string[]): number {
  return Math.max(0, ...secrets.flatMap(formsOf).map((form) => Buffer.byteLength(form) - 1));
}

/** A line of a longer secret counts as one from this length: shorter ones, such as `}`, would mask ordinary output. */
const lineMinChars = 8;

function formsOf(secret: string): string[] {
  if (secret === '') return [];
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= lineMinChars);
  // Without padding, so that it is found inside a longer secret's base64 as well.
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  return [secret, ...lines, base64, JSON.stringify(secret).slice(1, -1)];
}

class StreamMasker implements Masker {
  readonly #needles: readonly Buffer[];
  /** What was held back, as it came and as it will be shown: it may be part of a secret already and still start one. */
  #plain: Buffer = Buffer.alloc(0);
  #shown: Buffer = Buffer.alloc(0);

  constructor(needles: readonly Buffer[]) {
    this.#needles = needles;
  }

  push(bytes: Uint8Array): Buffer {
    const plain = Buffer.concat([this.#plain, bytes]);
    const shown = Buffer.concat([this.#shown, bytes]);
    for (const needle of this.#needles) maskAll(plain, shown, needle);
    const held = Math.max(0, ...this.#needles.map((needle) => longestStart(plain, needle)));
    const ready = plain.length - held;
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

/** Overlapping ones too, hence one step at a time. */
function maskAll(plain: Buffer, shown: Buffer, needle: Buffer): void {
  for (let at = plain.indexOf(needle); at >= 0; at = plain.indexOf(needle, at + 1)) {
    shown.fill('*', at, at + needle.length);
  }
}

/** How many of the last bytes may be the start of `needle`. */
function longestStart(plain: Buffer, needle: Buffer): number {
  for (let length = Math.min(needle.length - 1, plain.length); length > 0; length--) {
    if (plain.subarray(plain.length - length).equals(needle.subarray(0, length))) return length;
  }
  return 0;
}
