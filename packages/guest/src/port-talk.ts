/** Requests and framed answers over a port between a machine and its host: no login, no network. */
import { on } from 'node:events';
import type { Duplex } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';
import { encodeRequest, type Field, type Frame, FrameReader } from './frames.ts';

/** While nobody asks for a frame, so many chunks of at most 64 KiB wait, and the machine with the next one. */
const highWater = { highWaterMark: 4, lowWaterMark: 1 };

export class PortTalk implements Disposable {
  readonly #port: Duplex;
  readonly #signal: AbortSignal;
  readonly #frames: AsyncGenerator<Frame, never>;

  /** The port is closed when this is disposed of. */
  constructor(port: Duplex, signal: AbortSignal) {
    this.#port = port;
    this.#signal = signal;
    // Its end is seen by whoever waits for a frame.
    port.on('error', () => undefined);
    this.#frames = this.#read();
  }

  send(fields: readonly Field[]): void {
    this.#port.write(encodeRequest(fields));
  }

  /** @throws `guest-failed` for what is no frame, for a refusal, and where the port ends; the signal's reason. */
  async frame(): Promise<Frame> {
    return (await this.#frames.next()).value;
  }

  async *#read(): AsyncGenerator<Frame, never> {
    const reader = new FrameReader();
    const options = { signal: this.#signal, close: ['end', 'close'], ...highWater };
    try {
      for await (const [chunk] of on(this.#port, 'data', options)) {
        for (const frame of reader.push(chunk as Buffer)) {
          if (frame.kind === 'failed') throw new VmTaskError('guest-failed', `the machine: ${frame.bytes}`);
          yield frame;
        }
      }
    } finally {
      this.#signal.throwIfAborted();
    }
    throw new VmTaskError('guest-failed', 'the port to the machine was closed before its answer');
  }

  [Symbol.dispose](): void {
    this.#port.destroy();
  }
}
