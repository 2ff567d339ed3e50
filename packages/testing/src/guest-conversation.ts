/** One exchange as the guest's side has it: the request that came, and whatever is answered, right or wrong. */
import { once } from 'node:events';
import type { ServerChannel } from 'ssh2';

export type RequestFields = ReadonlyMap<string, readonly Buffer[]>;

/** Ends a program that comes on standard input; some programs are started from a file and have no such line. */
const endOfProgram = Buffer.from('\n__END__\n');

export class Conversation {
  /** Bytes that were sent, and are counted when they are on their way. */
  sentBytes = 0;
  readonly #channel: ServerChannel;
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  #began = false;
  #open = true;

  constructor(channel: ServerChannel) {
    this.#channel = channel;
    this.#chunks = channel[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    channel.on('error', () => {});
    for (const event of ['close', 'end']) channel.on(event, () => void (event === 'close' && this.#stop()));
  }

  /** False once the other side has closed the channel. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** The next request, behind the program when it is the first; null where the channel ends before its end. */
  async request(): Promise<RequestFields | null> {
    if (!this.#began && (await this.#until(endOfProgram)) === null) return null;
    this.#began = true;
    const fields = new Map<string, Buffer[]>();
    for (;;) {
      const head = await this.#until(Buffer.from('\n'));
      if (head === null) return null;
      const [name = '', length = '0'] = head.toString().trim().split(' ');
      if (name === 'end') return fields;
      const value = await this.#bytes(Number(length));
      if (value === null) return null;
      fields.set(name, [...(fields.get(name) ?? []), value]);
    }
  }

  /** A frame as the supervisor writes it: `kind`, or `kind number`. */
  answer(head: string, bytes: string | Buffer = ''): Promise<void> {
    const body = Buffer.from(bytes);
    return this.send(Buffer.concat([Buffer.from(`${head} ${body.length}\n`), body]));
  }

  /** Any bytes. Returns when they are on their way, or nobody takes them any more. */
  async send(bytes: string | Buffer): Promise<void> {
    await this.#write(this.#channel, bytes);
  }

  async complain(bytes: string | Buffer): Promise<void> {
    await this.#write(this.#channel.stderr, bytes);
  }

  /** Ends as a process does. */
  exit(code: number): void {
    this.#channel.exit(code);
    this.#channel.end();
  }

  async #write(stream: NodeJS.WritableStream, bytes: string | Buffer): Promise<void> {
    if (!this.#open) return;
    this.sentBytes += bytes.length;
    if (stream.write(bytes)) return;
    const closed = new AbortController();
    const drained = once(stream, 'drain', { signal: closed.signal }).catch(() => undefined);
    await Promise.race([drained, once(this.#channel, 'close', { signal: closed.signal }).catch(() => undefined)]);
    closed.abort('over');
  }

  #stop(): void {
    this.#open = false;
  }

  async #until(mark: Buffer): Promise<Buffer | null> {
    let at = this.#held.indexOf(mark);
    while (at < 0) {
      if (!(await this.#more())) return null;
      at = this.#held.indexOf(mark);
    }
    return this.#take(at + mark.length);
  }

  async #bytes(count: number): Promise<Buffer | null> {
    while (this.#held.length < count) if (!(await this.#more())) return null;
    return this.#take(count);
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next().catch(() => ({ done: true, value: undefined }));
    if (next.done === true || next.value === undefined) return false;
    this.#held = Buffer.concat([this.#held, next.value]);
    return true;
  }
}
