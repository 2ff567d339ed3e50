/** The few calls of SFTP that collecting and placing files need, as promises that end when the connection or the signal does. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import { type GuestConnection, orLost } from '../connect.ts';
import { guestText } from '../guest-text.ts';
import { waitAtMost } from '../patience.ts';

/** What one answer brings at most; OpenSSH sends up to 256 KiB, ssh2 asks for up to 32 KiB at a time. */
const readBytes = 32 * 1024;
/** A dying connection closes its channels first, and may tell its own end a moment later. */
const endOfConnectionMs = 200;
/** SSH_FX_EOF, the end of a folder's list, SSH_FX_NO_SUCH_FILE and SSH_FX_PERMISSION_DENIED. */
const endOfList = 1;
const noSuchFile = 2;
const permissionDenied = 3;

/** An answer comes within this, also on a host with all its VMs busy. */
const answerMs = 30_000;
/** As Linux has them: what is longer is no path of a file. */
const pathMaxChars = 4_096;
/** Reads that bring less than was asked for, in one session: the last of each file, and those of files that grow. */
const shortReadsMax = 2_000;

type Callback = (error: (Error & { code?: number | string }) | undefined | null, value?: unknown) => void;
/** What an answer has to be. A server may give an answer of any kind to any request, and ssh2 hands it on. */
type Is<T> = (value: unknown) => value is T;

export class Sftp implements Disposable {
  readonly #sftp: SFTPWrapper;
  readonly #signal: AbortSignal;
  /** ssh2 never answers what is asked after the end. */
  readonly #over = new AbortController();
  #shortReads = 0;

  /** @throws `ssh-lost`, `guest-failed`; the signal's reason when aborted. */
  static async open(connection: GuestConnection, signal: AbortSignal): Promise<Sftp> {
    if (connection.closed) throw connection.lost();
    const silence = new AbortController();
    using _ = waitAtMost(answerMs, () => silence.abort(silent()));
    const either = AbortSignal.any([signal, silence.signal]);
    const opened = settle(either, isThere as Is<SFTPWrapper>, (done, reject) =>
      orLost(connection, reject, () => connection.client.sftp(done)),
    );
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
    sftp.on('error', (error: Error) => this.#over.abort(failed(guestText(error.message), error)));
  }

  realpath(path: string): Promise<string> {
    return this.#call(isPath, (done) => this.#sftp.realpath(path, done));
  }

  /** Of what a link leads to. */
  stat(path: string): Promise<Stats> {
    return this.#call(isStats, (done) => this.#sftp.stat(path, done));
  }

  /** What is in a folder, a hundred or so at a time, so that a million are never held at once. */
  async *list(path: string): AsyncGenerator<readonly FileEntryWithStats[], void> {
    const handle = await this.#call(isHandle, (done) => this.#sftp.opendir(path, done));
    try {
      while (true) {
        const batch = await this.#call(isBatch, (done) =>
          this.#sftp.readdir(handle, (error, entries) =>
            isEndOfList(error) ? done(null, null) : done(error, entries),
          ),
        );
        if (batch === null) return;
        yield batch;
      }
    } finally {
      await this.#close(handle);
    }
  }

  /** A file's bytes up to its end. */
  async *read(path: string): AsyncGenerator<Buffer, void> {
    const handle = await this.#call(isHandle, (done) => this.#sftp.open(path, 'r', done));
    try {
      for (let position = 0; ; ) {
        const buffer = Buffer.allocUnsafe(readBytes);
        const count = await this.#call(isCount, (done) =>
          this.#sftp.read(handle, buffer, 0, readBytes, position, (error, bytesRead) => done(error, bytesRead)),
        );
        if (count === 0) return;
        if (count < readBytes && ++this.#shortReads > shortReadsMax) throw drips();
        position += count;
        yield buffer.subarray(0, count);
      }
    } finally {
      await this.#close(handle);
    }
  }

  /** A file of exactly these bytes, with this mode where it is new. Each chunk is written before the next is asked for. */
  async write(path: string, content: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
    const handle = await this.#call(isHandle, (done) => this.#sftp.open(path, 'w', mode, done));
    try {
      let position = 0;
      for await (const chunk of content) {
        const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        const at = position;
        await this.#call(isAnything, (done) => this.#sftp.write(handle, bytes, 0, bytes.length, at, done));
        position += bytes.length;
      }
    } finally {
      await this.#close(handle);
    }
  }

  async makeFolder(path: string): Promise<void> {
    await this.#call(isAnything, (done) => this.#sftp.mkdir(path, done));
  }

  /** @throws also when there is something at `to`. */
  async rename(from: string, to: string): Promise<void> {
    await this.#call(isAnything, (done) => this.#sftp.rename(from, to, done));
  }

  async #close(handle: Buffer): Promise<void> {
    await this.#call(isAnything, (done) => this.#sftp.close(handle, done));
  }

  /** Silence ends the session: nothing else that is asked of it is waited for. */
  async #call<T>(is: Is<T>, start: (done: Callback) => void): Promise<T> {
    using _ = waitAtMost(answerMs, () => this.#over.abort(silent()));
    return await settle(this.#signal, is, start);
  }

  [Symbol.dispose](): void {
    this.#sftp.end();
  }
}

type Start = (done: Callback, reject: (error: Error) => void) => void;

function settle<T>(signal: AbortSignal, is: Is<T>, start: Start): Promise<T> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const answered: Callback = (error, value) => {
    if (error) reject(failed(guestText(error.message), error));
    else if (is(value)) resolve(value);
    else reject(failed('an answer of another kind than was asked for'));
  };
  try {
    start(answered, reject);
  } catch (error) {
    reject(error);
  }
  return promise.finally(() => signal.removeEventListener('abort', abort));
}

function failed(what: string, cause?: Error): VmTaskError {
  return new VmTaskError('guest-failed', `files over SFTP: ${what}`, { cause });
}

/** The machine has answered, and will not let that path be read: it may say otherwise of the next one. */
export function refusesPath(error: unknown): error is VmTaskError {
  const code = error instanceof VmTaskError ? (error.cause as { code?: unknown } | undefined)?.code : undefined;
  return code === noSuchFile || code === permissionDenied;
}

function silent(): VmTaskError {
  return failed(`the machine has not answered within ${answerMs / 1_000} s`);
}

function drips(): VmTaskError {
  return failed(`more than ${shortReadsMax} reads brought less than was asked for`);
}

function isEndOfList(error: (Error & { code?: number | string }) | undefined): boolean {
  return error?.code === endOfList;
}

const isAnything: Is<unknown> = (_value): _value is unknown => true;
const isThere: Is<unknown> = (value): value is unknown => value !== undefined;
const isPath: Is<string> = (value): value is string => typeof value === 'string' && value.length <= pathMaxChars;
const isHandle: Is<Buffer> = (value) => Buffer.isBuffer(value);
const isCount: Is<number> = (value): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= readBytes;
const isStats: Is<Stats> = (value): value is Stats => typeof (value as Stats | undefined)?.isFile === 'function';
const isBatch: Is<FileEntryWithStats[] | null> = (value) => value === null || Array.isArray(value);
