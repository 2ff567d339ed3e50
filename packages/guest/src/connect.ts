/**
 * The guest side: SSH, the job, its supervisor in the guest, identity. The only package that knows ssh2, besides the servers of tests.
 *
 * | file | role |
 * |---|---|
 * | `connect.ts`, `wait-for-ssh.ts`, `ssh-errors.ts` | a connection with the host key pinned; ssh2's errors become ours |
 * | `guard-connection.ts` | bounds on what a server sends besides answers |
 * | `forward-socket.ts` | a socket in the machine whose connections arrive here |
 * | `open-program.ts`, `exchange.ts`, `frames.ts`, `patience.ts` | one framed stream to the one constant command, framed answers back |
 * | `job-answer.ts`, `guest-text.ts` | the grammar of the answer about a job; a machine's words, cut |
 * | `supervisor.ts`, `supervisor/*.pl` | what runs in the guest, sent along with each request or waiting in a clone (I8, I13) |
 * | `job.ts`, `job-environment.ts`, `encode-job.ts`, `job-end.ts` | what a job is, byte for byte (I11), and how it ended |
 * | `run-job.ts`, `stop-job.ts`, `complete-job.ts` | the verbs |
 * | `machine-lease.ts`, `lease-server.ts` | a lease of a machine that stays, and the one process there that serves them |
 * | `readiness.ts`, `identity.ts` | a machine has booted and works; a clone gets an identity of its own and proves it (I12) |
 * | `artifacts/`, `mask.ts`, `keys.ts` | files of the guest, by SFTP; secrets out of streams; ed25519 |
 *
 * Unknown is never success (I9): each of these throws, or says `lost`, when it cannot know.
 */
import { createConnection, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { VmAccess } from '@vm-task/shared/vm-access';
import ssh2, { type Channel, type Client } from 'ssh2';
import { guardConnection } from './guard-connection.ts';
import { breaksProtocol, connectError, hostKeyMismatch, lostError, protocolError } from './ssh-errors.ts';

/** A login takes about half a second without hardware virtualisation; this is for a host with all its VMs starting. */
const defaultHandshakeMs = 30_000;
/** A black hole is noticed after four intervals: 20 s. Shorter would take a guest that is starved of CPU for dead. */
const keepaliveInterval = 5_000;
const keepaliveCountMax = 3;

export interface ConnectOptions {
  /** The login's private key, OpenSSH format. */
  readonly privateKey: string;
  readonly signal: AbortSignal;
  /** From the first packet to a login that works; a server that accepts and hangs is given up then. */
  readonly handshakeMs?: number;
  /** True: the machine is a clone, in which a program of ours waits for jobs. */
  readonly isClone?: boolean;
}

export interface GuestConnection extends AsyncDisposable {
  readonly access: VmAccess;
  readonly isClone: boolean;
  /** For this package alone. */
  readonly client: Client;
  /** True once the connection ended, by either side. */
  readonly closed: boolean;
  /** Waits at most so long for the connection's end; true when it ended. */
  endedWithin(ms: number): Promise<boolean>;
  /** Why what was under way came to nothing, as `ssh-lost`, or `guest-failed` where the machine was cut off. */
  lost(): Error;
  /** What comes on the channel counts as unread until somebody reads it. For this package alone. */
  watch(channel: Channel): void;
}

/**
 * A connection to exactly the machine that has the pinned host key.
 * @throws `ssh-unreachable`, `ssh-host-key-mismatch`, `ssh-auth-failed`; the signal's reason when aborted.
 */
export async function connect(access: VmAccess, options: ConnectOptions): Promise<GuestConnection> {
  options.signal.throwIfAborted();
  // Without delay: the handshake is many small packets, each waited for.
  const socket = createConnection({ host: access.host, port: access.port, noDelay: true });
  const client = new ssh2.Client();
  const connection = new Connection(access, options.isClone ?? false, client, socket);
  try {
    await handshake(connection, options);
    connection.guard();
    return connection;
  } catch (error) {
    client.destroy();
    socket.destroy();
    throw error;
  }
}

function handshake(connection: Connection, options: ConnectOptions): Promise<void> {
  const { access, client, socket } = connection;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let mismatch: Error | null = null;
  const fail = (error: Error) => reject(mismatch ?? connectError(access, error));
  const abort = () => reject(options.signal.reason);
  options.signal.addEventListener('abort', abort, { once: true });
  client.once('ready', resolve).once('error', fail);
  client.once('close', () => fail(new Error('the server closed the connection during the login')));
  socket.once('error', fail);
  const pinned = Buffer.from(access.hostKey.split(' ')[1] ?? '', 'base64');
  client.connect({
    sock: socket,
    username: access.user,
    privateKey: options.privateKey,
    // Without the question which methods there are: one round trip less.
    authHandler: ['publickey'],
    hostVerifier: (key: Buffer) => {
      if (!key.equals(pinned)) mismatch = hostKeyMismatch(access, `ssh-ed25519 ${key.toString('base64')}`);
      return mismatch === null;
    },
    // A few bytes of what is compressed may be a thousand times as many.
    algorithms: { serverHostKey: ['ssh-ed25519'], compress: ['none'] },
    readyTimeout: options.handshakeMs ?? defaultHandshakeMs,
    keepaliveInterval,
    keepaliveCountMax,
  });
  return promise.finally(() => options.signal.removeEventListener('abort', abort));
}

/** ssh2 throws where a connection is about to end, before it is told so: that is its loss, and rejects. */
export function orLost(connection: GuestConnection, reject: (error: Error) => void, ask: () => void): void {
  try {
    ask();
  } catch {
    reject(connection.lost());
  }
}

class Connection implements GuestConnection {
  readonly access: VmAccess;
  readonly isClone: boolean;
  readonly client: Client;
  readonly socket: Socket;
  readonly #end = Promise.withResolvers<void>();
  readonly #channels = new Set<Readable>();
  #cause: Error | null = null;
  #fault: Error | null = null;
  #guarded = false;
  closed = false;

  constructor(access: VmAccess, isClone: boolean, client: Client, socket: Socket) {
    this.access = access;
    this.isClone = isClone;
    this.client = client;
    this.socket = socket;
    client.on('error', (error) => {
      this.#cause ??= error;
      if (this.#guarded && breaksProtocol(error)) this.#fault ??= protocolError(access, error);
    });
    socket.once('close', () => {
      this.closed = true;
      this.#end.resolve();
    });
  }

  guard(): void {
    this.#guarded = true;
    guardConnection(this.client, this.socket, this.#channels, (fault) => {
      this.#fault ??= fault;
      this.socket.destroy();
    });
  }

  watch(channel: Channel): void {
    for (const stream of [channel, channel.stderr as Readable]) {
      this.#channels.add(stream);
      channel.once('close', () => this.#channels.delete(stream));
    }
  }

  async endedWithin(ms: number): Promise<boolean> {
    await Promise.race([this.#end.promise, delay(ms, undefined, { ref: false })]);
    return this.closed;
  }

  lost(): Error {
    return this.#fault ?? lostError(this.access, this.#cause);
  }

  /** Returns once the socket is closed. A peer that does not answer the farewell is not waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.client.end();
    this.socket.destroySoon();
    const impatience = setTimeout(() => this.socket.destroy(), 1_000);
    await this.#end.promise;
    clearTimeout(impatience);
  }
}
