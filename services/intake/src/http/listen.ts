/**
 * Where intake is reached: at a socket of the home, which is for the command line, and at an address, where the configuration
 * says, or on a free port when that one is taken. `run/http.json` tells the address.
 */
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type { SystemConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { shortSocketPath } from '@vm-task/shared/socket-path';
import type { App } from './server.ts';
import type { Identity, Pem } from './tls.ts';

/** Who has not proved to speak TLS by then does not. */
const handshakeMs = 10_000;

export interface Listener extends Disposable {
  readonly url: string;
  /** Whoever connects from now on is shown this certificate; without TLS nobody is shown any. */
  useCertificate(pem: Pem): void;
  /** Takes no more connections; those that there are go on. */
  stop(): void;
}

/**
 * The app at a socket of the home that its owner alone can reach, until that is disposed of. It takes the place of one that
 * a killed intake left; whoever takes its own place keeps it.
 *
 * @throws `home-unusable` when there can be none
 */
export async function listenInHome(app: App, { run, httpSocket }: Home): Promise<Disposable> {
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const draft = `${httpSocket}.${process.pid}`;
  try {
    rmSync(draft, { force: true });
    const { path, ...folder } = shortSocketPath(draft);
    // Node removes the path that it was given when it closes, so that has to stay true until then.
    app.server.once('close', () => folder[Symbol.dispose]());
    await app.listen({ path });
    chmodSync(draft, 0o600);
    renameSync(draft, httpSocket);
  } catch (error) {
    const message = `there can be no socket ${httpSocket} (${(error as Error).message}); set VM_TASK_HOME to a folder on a local filesystem`;
    throw new VmTaskError('home-unusable', message, { cause: error });
  }
  const { ino } = statSync(httpSocket);
  return {
    [Symbol.dispose]: () => {
      if (statSync(httpSocket, { throwIfNoEntry: false })?.ino === ino) rmSync(httpSocket, { force: true });
    },
  };
}

/** The app at an address, too, over TLS where there is an identity. @throws `invalid-config` when there is no listening on that host. */
export async function listenAt(
  app: App,
  { host, port }: SystemConfig['http'],
  identity: Identity | null,
): Promise<Listener> {
  const open = new Set<Socket>();
  // As the server of the app makes its own.
  const options = { allowHalfOpen: true, noDelay: true };
  const serve = (socket: Socket) => void app.server.emit('connection', socket);
  const secure =
    identity === null ? null : createTlsServer({ ...options, handshakeTimeout: handshakeMs, ...identity.pem }, serve);
  const server = secure ?? createServer(options, serve);
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  try {
    await listening(server, host, port).catch((error) => {
      if (error.code !== 'EADDRINUSE') throw error;
      return listening(server, host, 0);
    });
  } catch (error) {
    const message = `HTTP cannot listen on ${host}, port ${port}: ${(error as Error).message}; see http in vm-task.yaml`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
  const { address, port: actual, family } = server.address() as AddressInfo;
  return {
    url: `${identity === null ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    useCertificate: (pem) => secure?.setSecureContext(pem),
    stop: () => void server.close(),
    [Symbol.dispose]: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

/** Says where the API is, until it is disposed of; then only if nobody else has said so since. */
export function announce(home: Home, url: string): Disposable {
  const file = join(home.run, 'http.json');
  const content = `${JSON.stringify({ url, pid: process.pid })}\n`;
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600 });
  renameSync(draft, file);
  return {
    [Symbol.dispose]: () => {
      if (existsSync(file) && readFileSync(file, 'utf8') === content) rmSync(file, { force: true });
    },
  };
}

/** At `stop`, takes no more requests and answers those in flight, until `abort`. */
export async function finishHttp(app: App, listener: Listener, stop: AbortSignal, abort: AbortSignal): Promise<void> {
  if (!stop.aborted) await once(stop, 'abort');
  listener.stop();
  await Promise.race([app.close(), once(abort, 'abort')]);
}

/** Whatever is still open is broken off: for the end, and for failures. */
export async function closeNow(app: App): Promise<void> {
  app.server.closeAllConnections();
  await app.close();
}
