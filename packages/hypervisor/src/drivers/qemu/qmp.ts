/** QEMU's monitor protocol, as far as a clone and a freeze need it: commands one after another, and one event. */

import type { Duplex } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';
import { z } from 'zod';

const messageSchema = z.union([
  z.object({ return: z.unknown() }),
  z.object({ error: z.object({ class: z.string(), desc: z.string() }) }),
  z.object({ event: z.string(), data: z.unknown().optional() }),
  z.object({ QMP: z.unknown() }),
]);

/** A few kilobytes are usual. */
const lineMaxBytes = 1024 * 1024;
/** QEMU has some sixty. */
const eventNamesMax = 200;
const shownMaxChars = 300;
const newline = 0x0a;

type Message = z.infer<typeof messageSchema>;

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Qmp {
  readonly #stream: Duplex;
  readonly #answers: Waiting[] = [];
  readonly #events = new Map<string, PromiseWithResolvers<unknown>>();
  #end: Error | null = null;

  /** `stream` is the peer of a monitor in control mode that has not been spoken to. */
  constructor(stream: Duplex) {
    this.#stream = stream;
    const close = (cause?: unknown) => this.#close(cause);
    // What is written to a QEMU that has gone is an error of the socket as well as its end.
    for (const event of ['error', 'end', 'close']) stream.on(event, close);
    const lines = new Lines((line) => this.#receive(line));
    stream.on('data', (bytes: Buffer) => {
      try {
        lines.push(bytes);
      } catch (error) {
        // What it said nobody can know, so nobody can know what comes next.
        close(error);
        stream.destroy();
      }
    });
    this.#send('qmp_capabilities').catch(() => {
      // The commands that follow fail with the same words, and they are waited for.
    });
  }

  /** What the command returns. @throws when QEMU refuses it or ends: `vm-not-started`. Commands are done in order, also when sent at once. */
  async execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return await this.#send(command, args);
  }

  /** Resolves when QEMU has reported the event since the connection began. @throws when QEMU ends before: `vm-not-started`. */
  async event(name: string): Promise<unknown> {
    return await this.#eventNamed(name).promise;
  }

  close(): void {
    this.#stream.destroy();
  }

  #send(command: string, args?: Record<string, unknown>): Promise<unknown> {
    if (this.#end !== null) return Promise.reject(this.#end);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#answers.push({ command, resolve, reject });
    this.#stream.write(
      `${JSON.stringify(args === undefined ? { execute: command } : { execute: command, arguments: args })}\n`,
    );
    return promise;
  }

  /** @throws whatever is wrong with the line. */
  #receive(line: string): void {
    const message: Message = messageSchema.parse(JSON.parse(line));
    if ('event' in message) this.#eventNamed(message.event).resolve(message.data);
    if ('return' in message) this.#asked().resolve(message.return);
    if ('error' in message) {
      const waiting = this.#asked();
      waiting.reject(refused(waiting.command, message.error.desc));
    }
    if (this.#events.size > eventNamesMax) throw new Error(`events of more than ${eventNamesMax} names`);
  }

  #asked(): Waiting {
    const waiting = this.#answers.shift();
    if (waiting === undefined) throw new Error('an answer that nobody asked for');
    return waiting;
  }

  #eventNamed(name: string): PromiseWithResolvers<unknown> {
    let waiting = this.#events.get(name);
    if (waiting === undefined) {
      waiting = Promise.withResolvers();
      // Not everything that QEMU reports is waited for.
      waiting.promise.catch(() => {});
      this.#events.set(name, waiting);
      if (this.#end !== null) waiting.reject(this.#end);
    }
    return waiting;
  }

  #close(cause: unknown): void {
    // Its end with questions unread is an end, and no fault of the connection.
    const why =
      cause instanceof Error && (cause as NodeJS.ErrnoException).code !== 'ECONNRESET'
        ? `: ${cause.message.slice(0, shownMaxChars)}`
        : '';
    this.#end ??= new VmTaskError('vm-not-started', `QEMU ended before the guest went on${why}`, { cause });
    for (const { reject } of this.#answers.splice(0)) reject(this.#end);
    for (const { reject } of this.#events.values()) reject(this.#end);
  }
}

function refused(command: string, description: string): VmTaskError {
  return new VmTaskError('vm-not-started', `QEMU refused ${command}: ${description.slice(0, shownMaxChars)}`);
}

/** The lines of a stream, whole. */
class Lines {
  readonly #take: (line: string) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  /** @throws for a line that is too long; what `take` throws. */
  push(bytes: Buffer): void {
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      const line = Buffer.concat([...this.#held, bytes.subarray(at, end)]).toString();
      this.#held = [];
      this.#heldBytes = 0;
      at = end + 1;
      if (line.trim() !== '') this.#take(line);
    }
    if (at === bytes.length) return;
    this.#held.push(bytes.subarray(at));
    this.#heldBytes += bytes.length - at;
    if (this.#heldBytes > lineMaxBytes) throw new Error(`a line of more than ${lineMaxBytes} bytes`);
  }
}
