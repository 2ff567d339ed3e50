/**
 * The two framings of the guest protocol. A request is fields, `<name> <length>\n<bytes>`, up to `end 0\n`; an answer
 * is frames, `<kind> <numbers> <length>\n<bytes>`. The guest is not trusted: what may come is said before it is read,
 * and whatever else comes is an error as soon as its head is there.
 */
import { VmTaskError } from '@vm-task/shared/errors';
import { guestText } from './guest-text.ts';

export type Field = readonly [name: string, value: string | number | Uint8Array];

/** The bytes of one request. Nothing of it has an effect in the guest before its last byte is there. */
export function encodeRequest(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    const bytes = typeof value === 'object' ? Buffer.from(value) : Buffer.from(String(value));
    parts.push(Buffer.from(`${name} ${bytes.length}\n`), bytes);
  }
  parts.push(Buffer.from('end 0\n'));
  return Buffer.concat(parts);
}

export interface Frame {
  readonly kind: string;
  readonly numbers: readonly number[];
  readonly bytes: Buffer;
}

/** What a frame of a kind has. */
export interface FrameShape {
  /** How many numbers stand before its length. */
  readonly numbers: 0 | 1;
  readonly minBytes: number;
  readonly maxBytes: number;
}

/** The kinds that may come now. The guest's own refusal, `failed`, may come at any time. */
export type Expected = Readonly<Record<string, FrameShape>>;

/** A frame that is its kind alone. */
export const bare: FrameShape = { numbers: 0, minBytes: 0, maxBytes: 0 };

export function withBytes(maxBytes: number, minBytes = 0): FrameShape {
  return { numbers: 0, minBytes, maxBytes };
}

/** A sentence with a path in it, or two. */
export const sentence = withBytes(10 * 1024);

/** A word and a number of at most 15 digits, which JavaScript counts exactly. */
const headMaxBytes = 80;
const headPattern = /^([a-z]{1,16})((?: (?:0|[1-9]\d{0,14}))?) (0|[1-9]\d{0,5})$/;
const newline = 0x0a;

interface Head {
  readonly kind: string;
  readonly numbers: readonly number[];
  readonly length: number;
}

/** Takes chunks as they come and gives frames once they are whole. Each byte is looked at once, and copied once at most. */
export class FrameReader {
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The beginning of a head whose end has not come. */
  readonly #headBytes = Buffer.alloc(headMaxBytes);
  #headLength = 0;
  #head: Head | null = null;
  #body: Buffer | null = null;
  #filled = 0;

  /** Only once `take` has found no more frames in what came before. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** True when something has come that no frame was made of yet. */
  get hasBegun(): boolean {
    return this.#head !== null || this.#headLength > 0 || this.#at < this.#chunk.length;
  }

  /** The next frame, or null when more has to come. @throws `guest-failed` for what is not expected. */
  take(expected: Expected): Frame | null {
    this.#head ??= this.#readHead(expected);
    if (this.#head === null) return null;
    const bytes = this.#readBody(this.#head.length);
    if (bytes === null) return null;
    const { kind, numbers } = this.#head;
    this.#head = null;
    this.#body = null;
    if (kind === 'failed') throw new VmTaskError('guest-failed', `the machine: ${guestText(bytes)}`);
    return { kind, numbers, bytes };
  }

  #readHead(expected: Expected): Head | null {
    const room = headMaxBytes - this.#headLength;
    const came = this.#chunk.subarray(this.#at, this.#at + room);
    const end = came.indexOf(newline);
    const part = end < 0 ? came : came.subarray(0, end);
    part.copy(this.#headBytes, this.#headLength);
    this.#headLength += part.length;
    this.#at += end < 0 ? part.length : part.length + 1;
    const text = this.#headBytes.toString('latin1', 0, this.#headLength);
    if (end < 0 && this.#headLength === headMaxBytes) throw unreadable(text, expected);
    if (end < 0) return null;
    this.#headLength = 0;
    return headOf(text, expected);
  }

  /** A part of the chunk where all of it is there; else gathered in a place of its size. */
  #readBody(length: number): Buffer | null {
    const missing = length - this.#filled;
    const part = this.#chunk.subarray(this.#at, this.#at + missing);
    this.#at += part.length;
    if (part.length === length) return part;
    this.#body ??= Buffer.allocUnsafe(length);
    part.copy(this.#body, this.#filled);
    this.#filled += part.length;
    if (this.#filled < length) return null;
    this.#filled = 0;
    return this.#body;
  }
}

function headOf(text: string, expected: Expected): Head {
  const [, kind = '', numbers = '', length = ''] = headPattern.exec(text) ?? [];
  const shape = kind === 'failed' ? sentence : Object.hasOwn(expected, kind) ? expected[kind] : undefined;
  const head = { kind, numbers: numbers.split(' ').slice(1).map(Number), length: Number(length) };
  if (shape === undefined || !fits(head, shape)) throw unreadable(text, expected);
  return head;
}

function fits({ numbers, length }: Head, shape: FrameShape): boolean {
  return numbers.length === shape.numbers && length >= shape.minBytes && length <= shape.maxBytes;
}

function unreadable(head: string, expected: Expected): VmTaskError {
  const due = Object.keys(expected).join(', ');
  return new VmTaskError(
    'guest-failed',
    `the machine answered ${JSON.stringify(head)} where one of these frames was due: ${due}; a login shell that prints something of its own does that`,
  );
}
