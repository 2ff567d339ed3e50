/** Requests and framed answers over a port between a machine and its host: no login, no network. */
import { on } from 'node:events';
import type { Duplex } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';
import { type Expected, encodeRequest, type Field, type Frame, FrameReader } from './frames.ts';

/** While nobody asks for a frame, so many chunks of at most 64 KiB wait, and the machine with the next one. */
const highWater = { highWaterMark: 4, lowWaterMark: 1 };

export class PortTalk implements Disposable {
  readonly #port: Duplex;
  readonly #signal: AbortSignal;
  readonly #chunks: AsyncIterator<Buffer[]>;
  readonly #reader = new FrameReader();

  /** The port is closed when this is disposed of. */
  constructor(port: Duplex, signal: AbortSignal) {
    this.#port = port;
    this.#signal = signal;
    // Its end is seen by whoever waits for a frame.
    port.on('error', () => undefined);
    this.#chunks = on(port, 'data', { signal, close: ['end', 'close'], ...highWater });
  }

  send(fields: readonly Field[]): void {
    this.#port.write(encodeRequest(fields));
  }

  /** @throws `guest-failed` for what is not expected, for a refusal, and where the port ends; the signal's reason. */
  async frame(expected: Expected): Promise<Frame> {
    for (;;) {
      const frame = this.#reader.take(expected);
      if (frame !== null) return frame;
      this.#reader.push(await this.#nextChunk());
    }
  }

  async #nextChunk(): Promise<Buffer> {
    const next = await this.#chunks.next().catch(() => null);
    this.#signal.throwIfAborted();
    const chunk = next === null || next.done === true ? undefined : next.value[0];
    if (chunk !== undefined) return chunk;
    throw new VmTaskError('guest-failed', 'the port to the machine was closed before its answer');
  }

  [Symbol.dispose](): void {
    this.#port.destroy();
  }
}
