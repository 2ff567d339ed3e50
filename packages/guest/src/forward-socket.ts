/** A unix socket in the machine whose connections arrive here, over the connection that is there anyway. */
import type { Duplex } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';
import type { AcceptConnection, Channel, RejectConnection, UNIXConnectionDetails } from 'ssh2';
import { type GuestConnection, orLost } from './connect.ts';

/** What serves a connection from inside the machine; false when it takes no more of them now. */
export type ServeConnection = (accept: () => Duplex) => boolean;

/** Who serves which socket of which connection, one listener for all of them: what nobody serves is turned away. */
const served = new WeakMap<GuestConnection, Map<string, ServeConnection>>();

/**
 * The machine's sshd listens at `path` when this returns, and until it is disposed of. Nothing may be there: sshd takes
 * no path that exists. @throws `guest-failed` when the machine does not allow it, `ssh-lost`.
 */
export async function forwardSocket(
  connection: GuestConnection,
  path: string,
  serve: ServeConnection,
): Promise<Disposable> {
  const sockets = socketsOf(connection);
  sockets.set(path, serve);
  const stop = () => sockets.get(path) === serve && sockets.delete(path);
  try {
    await bind(connection, path);
  } catch (error) {
    stop();
    throw error;
  }
  return {
    [Symbol.dispose]() {
      stop();
      unbind(connection, path);
    },
  };
}

function socketsOf(connection: GuestConnection): Map<string, ServeConnection> {
  const known = served.get(connection);
  if (known !== undefined) return known;
  const sockets = new Map<string, ServeConnection>();
  served.set(connection, sockets);
  const onConnection = ({ socketPath }: UNIXConnectionDetails, accept: AcceptConnection, reject: RejectConnection) => {
    const take = () => {
      const channel = withoutErrors(accept());
      connection.watch(channel);
      return channel;
    };
    if (!(sockets.get(socketPath)?.(take) ?? false)) reject();
  };
  connection.client.on('unix connection', onConnection);
  return sockets;
}

/** Whoever serves the channel sees its end; that the other side was in a hurry is nothing new. */
function withoutErrors(channel: Channel): Channel {
  return channel.on('error', () => undefined);
}

function bind(connection: GuestConnection, path: string): Promise<void> {
  if (connection.closed) throw connection.lost();
  const { client } = connection;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const lost = () => reject(connection.lost());
  client.once('close', lost);
  const bound = (error?: Error | null) => {
    if (error == null) resolve();
    else if (connection.closed) lost();
    else
      reject(
        new VmTaskError('guest-failed', `the machine's sshd does not forward ${path}: ${error.message}`, {
          cause: error,
        }),
      );
  };
  orLost(connection, reject, () => client.openssh_forwardInStreamLocal(path, bound));
  return promise.finally(() => client.removeListener('close', lost));
}

/** Where the connection has ended, or is about to, sshd has closed the socket or will. */
function unbind({ client }: GuestConnection, path: string): void {
  try {
    client.openssh_unforwardInStreamLocal(path, () => undefined);
  } catch {}
}
