/**
 * Output that is known before the task runs, byte for byte, but for the nonce that each start of a process prints: two
 * nonces where one is expected, or one in another place, are two processes.
 */
const noncePattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const nonceBytes = 36;

export interface ExpectedOutput {
  readonly bytes: Buffer;
  /** Where a nonce stands. */
  readonly nonces: readonly number[];
}

/** `nonceAt`: where in the text a nonce stands. */
export interface Part {
  readonly text: string;
  readonly nonceAt?: number;
}

export function expectedOutput(parts: readonly Part[]): ExpectedOutput {
  const nonces: number[] = [];
  const buffers: Buffer[] = [];
  let length = 0;
  for (const { text, nonceAt } of parts) {
    if (nonceAt !== undefined) nonces.push(length + nonceAt);
    const bytes = Buffer.from(text);
    buffers.push(bytes);
    length += bytes.length;
  }
  return { bytes: Buffer.concat(buffers), nonces };
}

/** What a start prints first. */
export function startLine(): Part {
  return { text: `start ${'?'.repeat(nonceBytes)}\n`, nonceAt: 'start '.length };
}

/** What `seq 1 LAST` prints, up to `maxNumbers`. */
export function numbers(last: number): string {
  allNumbers ??= Array.from({ length: maxNumbers }, (_, index) => `${index + 1}\n`).join('');
  return allNumbers.slice(0, lengthOfNumbers(last));
}

/** Every number has its digits and its line's end. */
function lengthOfNumbers(last: number): number {
  let length = 0;
  for (let from = 1; from <= last; from *= 10) length += last - from + 1;
  return length + last;
}

export const maxNumbers = 300_000;
let allNumbers: string | null = null;

/** Null when `seen` is the beginning of what is expected; else what is wrong, and where. */
export function differenceFrom(expected: ExpectedOutput, seen: Buffer): string | null {
  const plain = Buffer.from(seen);
  for (const at of expected.nonces) {
    const nonce = plain.subarray(at, at + nonceBytes);
    if (nonce.length < nonceBytes) break;
    if (!noncePattern.test(nonce.toString('latin1'))) return `no nonce at byte ${at}: ${shown(plain, at)}`;
    expected.bytes.copy(plain, at, at, at + nonceBytes);
  }
  if (plain.length > expected.bytes.length) {
    return `${plain.length - expected.bytes.length} bytes too many: ${shown(plain, expected.bytes.length)}`;
  }
  if (plain.equals(expected.bytes.subarray(0, plain.length))) return null;
  const at = plain.findIndex((byte, index) => byte !== expected.bytes[index]);
  if (isInNonce(expected, at)) return null;
  return `byte ${at} differs: ${shown(plain, at)}, expected ${shown(expected.bytes, at)}`;
}

/** A nonce that is cut off by the end of what was seen. */
function isInNonce({ nonces }: ExpectedOutput, at: number): boolean {
  return nonces.some((from) => at >= from && at < from + nonceBytes);
}

function shown(bytes: Buffer, at: number): string {
  return JSON.stringify(bytes.subarray(at, at + 40).toString('latin1'));
}

/** The nonces of `start` lines anywhere in the output, expected or not. */
export function noncesIn(seen: Buffer): string[] {
  return [...seen.toString('latin1').matchAll(/^start ([0-9a-f-]{36})$/gm)].map(([, nonce = '']) => nonce);
}
