/** Secrets out of output streams. */

export interface Masker {
  /** What may be shown now; bytes that may be the start of a secret are held back until more comes. */
  push(bytes: Uint8Array): Buffer;
  /** What was held back, at the end of the stream. */
  flush(): Buffer;
}

/** Each byte of a secret becomes `*`, wherever chunks are cut, so offsets stay true. One masker per stream. */
export function createMasker(_secrets: readonly string[]): Masker {
  throw new Error('soon');
}
