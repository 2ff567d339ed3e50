/**
 * One output stream of an attempt on its way into `LOGS`: secrets masked, small writes gathered, memory bounded (I13).
 * A line appears at once; a flood becomes few large messages. While the broker is away `push` waits, so reading stops.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { LogWriter } from '@vm-task/bus/output-log';
import type { Secrets } from './secrets.ts';

/** Far below the broker's largest message, and few enough messages for a fast stream. */
const chunkMaxBytes = 256 * 1024;
/** After a write the next one waits so long for more, which nobody sees. */
const gatherMs = 25;
/** So much waits for the broker before reading stops, in so many pieces: a piece of a byte takes a hundred in memory. */
const waitingMaxBytes = 1024 * 1024;
const waitingMaxPieces = 4_096;

export class Pump implements Disposable {
  readonly #writer: LogWriter;
  readonly #signal: AbortSignal;
  readonly #masker: ReturnType<Secrets['masker']>;
  readonly #written: Promise<void>;
  /** Bytes that were stored before and are read again, so that a secret across the seam is seen whole. */
  #repeated: number;
  #next: number;
  #waiting: Buffer[] = [];
  #size = 0;
  #ended = false;
  /** Nobody waits for what is not stored yet. */
  #left = false;
  #failure: { readonly error: unknown } | null = null;
  #changed = Promise.withResolvers<void>();

  constructor(writer: LogWriter, secrets: Secrets, signal: AbortSignal) {
    this.#writer = writer;
    this.#signal = signal;
    this.#masker = secrets.masker();
    this.#repeated = Math.min(writer.offset, secrets.reachBytes);
    this.#next = writer.offset - this.#repeated;
    this.#written = this.#write();
  }

  /** The offset of the byte that `push` wants next. */
  get next(): number {
    return this.#next;
  }

  /** Returns when there is room for more. @throws `log-overtaken`, the signal's reason. */
  async push(bytes: Uint8Array): Promise<void> {
    this.#next += bytes.length;
    this.#enqueue(Buffer.from(bytes));
    while (this.#isFull() && this.#failure === null) await this.#changed.promise;
    this.#throwFailure();
  }

  /** Returns once everything is stored. @throws as `push`. */
  async finish(): Promise<void> {
    this.#end();
    await this.#written;
    this.#throwFailure();
  }

  /** What is not stored by now never is: another runner will read it again. */
  [Symbol.dispose](): void {
    this.#left = true;
    this.#waiting = [];
    this.#size = 0;
    this.#end();
  }

  #isFull(): boolean {
    return this.#size > waitingMaxBytes || this.#waiting.length > waitingMaxPieces;
  }

  #enqueue(plain: Buffer): void {
    if (plain.length === 0) return;
    this.#waiting.push(plain);
    this.#size += plain.length;
    this.#change();
  }

  /** Looked through for secrets once for each write, however small the pieces were that it is made of. */
  async #store(masked: Buffer): Promise<void> {
    const fresh = masked.subarray(Math.min(this.#repeated, masked.length));
    this.#repeated -= masked.length - fresh.length;
    if (fresh.length > 0) await this.#writer.write(fresh, this.#signal);
  }

  async #write(): Promise<void> {
    try {
      while (this.#size > 0 || !this.#ended) {
        if (this.#size === 0) {
          await this.#changed.promise;
          continue;
        }
        await this.#store(this.#masker.push(this.#take()));
        await this.#gather();
      }
      if (!this.#left) await this.#store(this.#masker.flush());
    } catch (error) {
      this.#failure = { error };
      this.#change();
    }
  }

  async #gather(): Promise<void> {
    const until = performance.now() + gatherMs;
    for (
      let left = gatherMs;
      left > 0 && this.#size < chunkMaxBytes && !this.#ended;
      left = until - performance.now()
    ) {
      await Promise.race([this.#changed.promise, delay(left)]);
    }
  }

  #take(): Buffer {
    const all = Buffer.concat(this.#waiting);
    const chunk = all.subarray(0, chunkMaxBytes);
    const rest = all.subarray(chunk.length);
    this.#waiting = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    this.#change();
    return chunk;
  }

  #end(): void {
    this.#ended = true;
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
