/** The few calls of SFTP that collecting and placing files need, as promises that end when the connection or the signal does. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import type { GuestConnection } from '../connect.ts';

/** What one answer brings at most; OpenSSH sends up to 256 KiB, ssh2 asks for up to 32 KiB at a time. */
const readBytes = 32 * 1024;
/** A dying connection closes its channels first, and may tell its own end a moment later. */
const endOfConnectionMs = 200;
/** SSH_FX_EOF, the end of a folder's list. */
const endOfList = 1;

type Callback<T> = (error: (Error & { code?: number | string }) | undefined | null, value?: T) => void;

export class Sftp implements Disposable {
  readonly #sftp: SFTPWrapper;
  readonly #signal: AbortSignal;
  /** ssh2 never answers what is asked after the end. */
  readonly #over = new AbortController();

  /** @throws `ssh-lost`, `guest-failed`; the signal's reason when aborted. */
  static async open(connection: GuestConnection, signal: AbortSignal): Promise<Sftp> {
    if (connection.closed) throw connection.lost();
    const opened = settle<SFTPWrapper>(signal, (done) => connection.client.sftp(done));
    return new Sftp(connection, await opened, signal);
  }

  private constructor(connection: GuestConnection, sftp: SFTPWrapper, signal: AbortSignal) {
    this.#sftp = sftp;
    this.#signal = AbortSignal.any([signal, this.#over.signal]);
    const over = async () => {
      const lost = await connection.endedWithin(endOfConnectionMs);
      this.#over.abort(lost ? connection.lost() : new VmTaskError('guest-failed', 'the machine ended SFTP'));
    };
    sftp.once('close', () => void over());
  }

  realpath(path: string): Promise<string> {
    return this.#call((done) => this.#sftp.realpath(path, done));
  }

  /** Of what a link leads to. */
  stat(path: string): Promise<Stats> {
    return this.#call((done) => this.#sftp.stat(path, done));
  }

  /** What is in a folder, a hundred or so at a time, so that a million are never held at once. */
  async *list(path: string): AsyncGenerator<FileEntryWithStats, void> {
    const handle = await this.#call<Buffer>((done) => this.#sftp.opendir(path, done));
    try {
      while (true) {
        const batch = await this.#call<FileEntryWithStats[] | null>((done) =>
          this.#sftp.readdir(handle, (error, entries) =>
            isEndOfList(error) ? done(null, null) : done(error, entries),
          ),
        );
        if (batch === null) return;
        yield* batch;
      }
    } finally {
      await this.#call<void>((done) => this.#sftp.close(handle, done));
    }
  }

  /** A file's bytes up to its end. */
  async *read(path: string): AsyncGenerator<Buffer, void> {
    const handle = await this.#call<Buffer>((done) => this.#sftp.open(path, 'r', done));
    try {
      for (let position = 0; ; ) {
        const buffer = Buffer.allocUnsafe(readBytes);
        const count = await this.#call<number>((done) =>
          this.#sftp.read(handle, buffer, 0, readBytes, position, (error, bytesRead) => done(error, bytesRead)),
        );
        if (count === 0) return;
        position += count;
        yield buffer.subarray(0, count);
      }
    } finally {
      await this.#call<void>((done) => this.#sftp.close(handle, done));
    }
  }

  /** A file of exactly these bytes, for its owner and whoever may read. Each chunk is written before the next is asked for. */
  async write(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const handle = await this.#call<Buffer>((done) => this.#sftp.open(path, 'w', done));
    try {
      let position = 0;
      for await (const chunk of content) {
        const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        const at = position;
        await this.#call<void>((done) => this.#sftp.write(handle, bytes, 0, bytes.length, at, done));
        position += bytes.length;
      }
    } finally {
      await this.#call<void>((done) => this.#sftp.close(handle, done));
    }
  }

  makeFolder(path: string): Promise<void> {
    return this.#call<void>((done) => this.#sftp.mkdir(path, done));
  }

  /** @throws also when there is something at `to`. */
  rename(from: string, to: string): Promise<void> {
    return this.#call<void>((done) => this.#sftp.rename(from, to, done));
  }

  #call<T>(start: (done: Callback<T>) => void): Promise<T> {
    return settle(this.#signal, start);
  }

  [Symbol.dispose](): void {
    this.#sftp.end();
  }
}

function settle<T>(signal: AbortSignal, start: (done: Callback<T>) => void): Promise<T> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  start((error, value) => {
    if (error) reject(new VmTaskError('guest-failed', `files over SFTP: ${error.message}`, { cause: error }));
    else resolve(value as T);
  });
  return promise.finally(() => signal.removeEventListener('abort', abort));
}

function isEndOfList(error: (Error & { code?: number | string }) | undefined): boolean {
  return error?.code === endOfList;
}
