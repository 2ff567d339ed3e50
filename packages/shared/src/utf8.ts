/** Bytes as text, or a refusal: nothing is replaced. */
import { type ErrorCode, VmTaskError } from './errors.ts';

export type Decoded =
  | { readonly kind: 'text'; readonly text: string }
  /** A sentence about `it`. */
  | { readonly kind: 'refused'; readonly why: string };

/** A mark of the byte order stays where it is. */
export function decodeUtf8(bytes: Uint8Array): Decoded {
  try {
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    const at = firstWrong(bytes);
    const byte = (bytes[at] ?? 0).toString(16).padStart(2, '0');
    return { kind: 'refused', why: `it has to be UTF-8, and is not from byte ${at + 1} on (${byte})` };
  }
}

/** @throws an error of `code` that names `source` and the byte where it goes wrong */
export function requireUtf8(bytes: Uint8Array, source: string, code: ErrorCode): string {
  const decoded = decodeUtf8(bytes);
  if (decoded.kind === 'text') return decoded.text;
  throw new VmTaskError(code, `${source} cannot be taken: ${decoded.why}`);
}

/** Where the text that a decoder makes of it is no longer the same bytes. */
function firstWrong(bytes: Uint8Array): number {
  const again = Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  const at = bytes.findIndex((byte, index) => byte !== again[index]);
  return at === -1 ? bytes.length - 1 : at;
}
