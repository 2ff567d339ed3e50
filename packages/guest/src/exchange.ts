/** One request to the one constant remote command, and its answer, frame by frame; or one after the other. */
import { on } from 'node:events';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Channel } from 'ssh2';
import type { GuestConnection } from './connect.ts';
import { type Expected, encodeRequest, type Field, type Frame, FrameReader } from './frames.ts';
import { guestText } from './guest-text.ts';
import { openProgram } from './open-program.ts';
import { waitAtMost } from './patience.ts';

/** The answer's first frame comes within this, on a host with all its VMs busy too. */
const firstFrameMs = 60_000;
/** Whoever has begun to answer goes on, and a frame that has begun is whole, within this. */
const nextFrameMs = 30_000;
/** Of what the far side says on standard error, the beginning tells why; a program of ours says no more than warnings. */
const complaintMaxBytes = 2_048;
const complaintsMaxBytes = 256 * 1024;
/**
 * A machine whose job writes byte by byte has some thousand frames a second. Faster ones are read no faster, so that
 * one machine has a tenth of the loop at most; what waits in the machine meanwhile comes in larger frames.
 */
const framesInRow = 1_000;
const rowMs = 50;
/** The loop is left to others after so long. */
const turnMs = 5;

/** A chunk is at most 32 KiB: while the consumer is slow, the guest is stopped at 512 KiB. */
const highWater = { highWaterMark: 16, lowWaterMark: 4 };
/** Ends with its connection. */
const forever = new AbortController().signal;
/** A dying connection closes its channels first, and may tell its own end a moment later. */
const endOfConnectionMs = 200;

interface Ahead {
  readonly program: Buffer;
  /** Null where it could not be opened, or has ended. */
  readonly channel: Promise<Channel | null>;
}

/** Programs that wait in their machine for a request, at most one for each connection (I13). */
const ahead = new WeakMap<GuestConnection, Ahead>();

/**
 * Starts the program before its request is known: the next exchange with it saves a perl's start, a third of a login.
 * Returns at once, and never fails: then the next exchange starts it.
 */
export function startAhead(connection: GuestConnection, program: Buffer): void {
  if (connection.closed || ahead.has(connection)) return;
  const forget = () => void (ahead.get(connection) === entry && ahead.delete(connection));
  const channel = openProgram(connection, program, forever).then(
    (opened) => opened.on('error', () => {}).once('close', forget),
    () => null,
  );
  const entry: Ahead = { program, channel };
  ahead.set(connection, entry);
}

async function takeAhead(connection: GuestConnection, program: Buffer): Promise<Channel | null> {
  const entry = ahead.get(connection);
  if (entry?.program !== program) return null;
  const channel = await entry.channel;
  // Another exchange may have taken it meanwhile, or it has ended.
  if (ahead.get(connection) !== entry) return null;
  ahead.delete(connection);
  return channel;
}

export class Exchange implements Disposable {
  readonly #connection: GuestConnection;
  readonly #channel: Channel;
  readonly #signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #abort = () => this.#channel.destroy();
  readonly #chunks: AsyncIterator<Buffer[]>;
  readonly #reader = new FrameReader();
  readonly #pace = new Pace();
  #complaint = '';
  #complaintBytes = 0;
  #exitCode: number | null = null;
  #open = true;
  #hasAnswered = false;
  #cameBytes = 0;
  #readBytes = 0;
  /** Why nothing more is read. */
  #fault: Error | null = null;

  /** @throws `ssh-lost`, `guest-failed`; the signal's reason when aborted. */
  static async open(
    connection: GuestConnection,
    program: Buffer,
    fields: readonly Field[],
    signal: AbortSignal,
  ): Promise<Exchange> {
    const exchange = await Exchange.begin(connection, program, signal);
    exchange.send(fields);
    return exchange;
  }

  /** The program started, which waits for its request. @throws as `open`. */
  static async begin(connection: GuestConnection, program: Buffer, signal: AbortSignal): Promise<Exchange> {
    signal.throwIfAborted();
    const waiting = await takeAhead(connection, program);
    if (waiting !== null) return new Exchange(connection, waiting, signal);
    return new Exchange(connection, await openProgram(connection, program, signal), signal);
  }

  private constructor(connection: GuestConnection, channel: Channel, signal: AbortSignal) {
    this.#connection = connection;
    this.#channel = channel;
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
    const either = AbortSignal.any([signal, this.#over.signal]);
    this.#chunks = on(channel, 'data', { signal: either, close: ['end', 'close'], ...highWater });
    channel.on('data', (bytes: Buffer) => {
      this.#cameBytes += bytes.length;
    });
    channel.on('exit', (code: number | null) => {
      this.#exitCode = code;
    });
    channel.on('close', () => {
      this.#open = false;
    });
    // A write to a channel that just died is nothing new: the end of its frames tells it.
    channel.on('error', () => {});
    channel.stderr.on('data', (text: Buffer) => this.#complain(text));
  }

  /** False once the far side has ended. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** @throws `guest-failed` when the far side has said something that nobody asked for. */
  send(fields: readonly Field[]): void {
    if (this.#reader.hasBegun || this.#cameBytes > this.#readBytes || this.#channel.readableLength > 0) {
      this.#fail(unasked());
      throw unasked();
    }
    this.#channel.write(encodeRequest(fields));
  }

  /**
   * The next frame, one of those that are expected. What is due comes within a minute; what is not may take any time,
   * but is whole within half a minute once it has begun. Whoever asks for no more frames is sent no more.
   * @throws `guest-failed` for any other frame, silence, and the guest's own refusal; `ssh-lost`; the signal's reason.
   */
  async frame(expected: Expected, { isDue = true } = {}): Promise<Frame> {
    let waiting = isDue ? this.#waitAtMost() : null;
    try {
      for (;;) {
        const frame = this.#reader.take(expected);
        if (frame !== null) {
          this.#hasAnswered = true;
          await this.#pace.count();
          return frame;
        }
        if (this.#reader.hasBegun) waiting ??= this.#waitAtMost();
        this.#reader.push(await this.#nextChunk());
      }
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    } finally {
      waiting?.[Symbol.dispose]();
    }
  }

  #waitAtMost(): Disposable {
    const ms = this.#hasAnswered ? nextFrameMs : firstFrameMs;
    return waitAtMost(ms, () => this.#fail(silent(ms)));
  }

  async #nextChunk(): Promise<Buffer> {
    await this.#pace.leaveToOthers();
    const { value, done } = await this.#chunks.next().catch(() => ({ value: undefined, done: true as const }));
    if (done !== true && value?.[0] !== undefined) {
      this.#readBytes += value[0].length;
      return value[0];
    }
    this.#signal.throwIfAborted();
    throw this.#fault ?? (await this.#brokenOff());
  }

  #complain(text: Buffer): void {
    this.#complaintBytes += text.length;
    if (this.#complaint.length < complaintMaxBytes) this.#complaint += text.toString('utf8', 0, complaintMaxBytes);
    if (this.#complaintBytes > complaintsMaxBytes) this.#fail(floods());
  }

  #fail(fault: Error): void {
    this.#fault ??= fault;
    this.#channel.destroy();
    this.#over.abort('over');
  }

  /** What it means that the answer ended early. */
  async #brokenOff(): Promise<Error> {
    if (await this.#connection.endedWithin(endOfConnectionMs)) return this.#connection.lost();
    const said = this.#complaint === '' ? '' : `, saying ${JSON.stringify(guestText(this.#complaint.trim()))}`;
    const how = this.#exitCode === null ? 'fell silent' : `ended with exit code ${this.#exitCode}`;
    return new VmTaskError('guest-failed', `perl in the machine ${how} before its answer${said}; an image needs perl`);
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#channel.destroy();
    this.#over.abort('over');
  }
}

/** How fast frames are read. */
class Pace {
  #turnedAt = performance.now();
  #rowBeganAt = performance.now();
  #inRow = 0;

  async leaveToOthers(): Promise<void> {
    if (performance.now() - this.#turnedAt < turnMs) return;
    await turn();
    this.#turnedAt = performance.now();
  }

  async count(): Promise<void> {
    if (++this.#inRow < framesInRow) return;
    const early = this.#rowBeganAt + rowMs - performance.now();
    if (early > 0) await delay(early);
    this.#inRow = 0;
    this.#rowBeganAt = performance.now();
  }
}

function silent(ms: number): VmTaskError {
  return new VmTaskError('guest-failed', `the machine has not answered within ${ms / 1_000} s`);
}

function unasked(): VmTaskError {
  return new VmTaskError('guest-failed', 'the machine has answered what it was not asked');
}

function floods(): VmTaskError {
  const message = `perl in the machine has complained of more than ${complaintsMaxBytes} bytes`;
  return new VmTaskError('guest-failed', message);
}
