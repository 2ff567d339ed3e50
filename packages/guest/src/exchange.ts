/** One request to the one constant remote command, and its answer, frame by frame; or one after the other. */
import { on } from 'node:events';
import { VmTaskError } from '@vm-task/shared/errors';
import type { ClientChannel } from 'ssh2';
import type { GuestConnection } from './connect.ts';
import { encodeRequest, type Field, type Frame, FrameReader } from './frames.ts';

/** The whole command line; everything else travels on its standard input. */
const command = 'exec perl -';
/** The answer's first frame comes within this, on a host with all its VMs busy too. */
const firstFrameMs = 60_000;
/** Of what the far side says on standard error, so much is kept for the error message. */
const complaintMaxBytes = 2_048;

/** A chunk is at most 32 KiB: while the consumer is slow, the guest is stopped at 512 KiB. */
const highWater = { highWaterMark: 16, lowWaterMark: 4 };
/** Ends with its connection. */
const forever = new AbortController().signal;
/** A dying connection closes its channels first, and may tell its own end a moment later. */
const endOfConnectionMs = 200;

interface Ahead {
  readonly program: Buffer;
  /** Null where it could not be opened, or has ended. */
  readonly channel: Promise<ClientChannel | null>;
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
  const channel = openChannel(connection, forever).then(
    (opened) => {
      opened.on('error', () => {}).once('close', forget);
      opened.write(program);
      return opened;
    },
    () => null,
  );
  const entry: Ahead = { program, channel };
  ahead.set(connection, entry);
}

async function takeAhead(connection: GuestConnection, program: Buffer): Promise<ClientChannel | null> {
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
  readonly #channel: ClientChannel;
  readonly #signal: AbortSignal;
  readonly #abort = () => this.#channel.destroy();
  readonly #frames = this.#read();
  #complaint = '';
  #exitCode: number | null = null;
  #open = true;

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
    const channel = await openChannel(connection, signal);
    channel.write(program);
    return new Exchange(connection, channel, signal);
  }

  private constructor(connection: GuestConnection, channel: ClientChannel, signal: AbortSignal) {
    this.#connection = connection;
    this.#channel = channel;
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
    channel.on('exit', (code: number | null) => {
      this.#exitCode = code;
    });
    channel.on('close', () => {
      this.#open = false;
    });
    // A write to a channel that just died is nothing new: the end of its frames tells it.
    channel.on('error', () => {});
    channel.stderr.on('data', (text: Buffer) => {
      this.#complaint = (this.#complaint + text.toString('utf8')).slice(-complaintMaxBytes);
    });
  }

  /** False once the far side has ended. */
  get isOpen(): boolean {
    return this.#open;
  }

  send(fields: readonly Field[]): void {
    this.#channel.write(encodeRequest(fields));
  }

  /** The next frame alone. @throws as `frames`. */
  async frame(): Promise<Frame> {
    return (await this.#frames.next()).value;
  }

  /**
   * Every frame as it comes. The caller stops at the one that is the last by the protocol: where no more comes
   * before that, it throws `ssh-lost` or `guest-failed`, the latter also for the guest's own refusal.
   */
  frames(): AsyncGenerator<Frame, never> {
    return this.#frames;
  }

  async *#read(): AsyncGenerator<Frame, never> {
    const reader = new FrameReader();
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), firstFrameMs);
    const signal = AbortSignal.any([this.#signal, silence.signal]);
    try {
      for await (const [chunk] of on(this.#channel, 'data', { signal, close: ['end', 'close'], ...highWater })) {
        clearTimeout(timer);
        for (const frame of reader.push(chunk)) {
          if (frame.kind === 'failed') throw new VmTaskError('guest-failed', `the machine: ${frame.bytes}`);
          yield frame;
        }
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof VmTaskError) throw error;
    } finally {
      clearTimeout(timer);
    }
    throw await this.#brokenOff();
  }

  /** What it means that the answer ended early. */
  async #brokenOff(): Promise<Error> {
    if (await this.#connection.endedWithin(endOfConnectionMs)) return this.#connection.lost();
    const said = this.#complaint === '' ? '' : `, saying ${JSON.stringify(this.#complaint.trim())}`;
    const how = this.#exitCode === null ? 'fell silent' : `ended with exit code ${this.#exitCode}`;
    return new VmTaskError('guest-failed', `perl in the machine ${how} before its answer${said}; an image needs perl`);
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#channel.destroy();
  }
}

function openChannel(connection: GuestConnection, signal: AbortSignal): Promise<ClientChannel> {
  if (connection.closed) throw connection.lost();
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  const abort = () => reject(signal.reason);
  const lost = () => reject(connection.lost());
  signal.addEventListener('abort', abort, { once: true });
  connection.client.once('close', lost);
  connection.client.exec(command, (error, channel) => {
    if (error)
      reject(new VmTaskError('guest-failed', `the machine refuses a command: ${error.message}`, { cause: error }));
    else if (signal.aborted) channel.destroy();
    else resolve(channel);
  });
  return promise.finally(() => {
    signal.removeEventListener('abort', abort);
    connection.client.removeListener('close', lost);
  });
}
