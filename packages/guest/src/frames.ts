/**
 * The two framings of the guest protocol. A request is fields, `<name> <length>\n<bytes>`, up to `end 0\n`; an answer
 * is frames, `<kind> <numbers> <length>\n<bytes>`. The guest is not trusted: whatever else it sends is an error.
 */
import { VmTaskError } from '@vm-task/shared/errors';

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

/** The largest frame of the protocol is a result: 256 KiB and a byte. */
const frameMaxBytes = 512 * 1024;
/** A word and three numbers of at most 16 digits. */
const headMaxBytes = 80;
const headPattern = /^([a-z]+)((?: \d{1,15})*) (\d{1,6})$/;

/** Takes chunks as they come and gives frames once they are whole. @throws `guest-failed` for anything else. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== null; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Frame | null {
    const headEnd = this.#held.subarray(0, headMaxBytes).indexOf('\n');
    if (headEnd < 0) {
      if (this.#held.length >= headMaxBytes) throw unreadable(this.#held);
      return null;
    }
    const [, kind, numbers, length] = headPattern.exec(this.#held.toString('latin1', 0, headEnd)) ?? [];
    if (kind === undefined || numbers === undefined || Number(length) > frameMaxBytes) throw unreadable(this.#held);
    const start = headEnd + 1;
    const end = start + Number(length);
    if (this.#held.length < end) return null;
    const bytes = this.#held.subarray(start, end);
    this.#held = this.#held.subarray(end);
    return { kind, numbers: numbers.split(' ').slice(1).map(Number), bytes };
  }
}

function unreadable(bytes: Buffer): VmTaskError {
  const start = JSON.stringify(bytes.toString('latin1', 0, headMaxBytes));
  return new VmTaskError(
    'guest-failed',
    `the machine answered ${start} where a frame was expected; a login shell that prints something of its own does that`,
  );
}
