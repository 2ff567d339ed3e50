/** From a connection to a program that waits for a request. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Channel } from 'ssh2';
import { type GuestConnection, orLost } from './connect.ts';
import { jobProgram, jobSocket } from './supervisor.ts';

/** The whole command line; everything else travels on its standard input. */
const command = 'exec perl -';

/** A channel to the program, which waits for its request: one that is loaded in the machine, or one that is started. */
export async function openProgram(connection: GuestConnection, program: Buffer, signal: AbortSignal): Promise<Channel> {
  const waiting = program === jobProgram ? await openJobSocket(connection, signal) : null;
  if (waiting !== null) return waiting;
  const channel = await openChannel(connection, signal, (opened) => connection.client.exec(command, opened));
  channel.write(program);
  return channel;
}

/** Connections to clones in which none waits for us: that of another version, or none any more. */
const without = new WeakSet<GuestConnection>();

async function openJobSocket(connection: GuestConnection, signal: AbortSignal): Promise<Channel | null> {
  if (!connection.isClone || without.has(connection)) return null;
  try {
    const { client } = connection;
    return await openChannel(connection, signal, (opened) => client.openssh_forwardOutStreamLocal(jobSocket, opened));
  } catch (error) {
    if (!(error instanceof VmTaskError && error.code === 'guest-failed')) throw error;
    without.add(connection);
    return null;
  }
}

type Opened = (error: Error | undefined, channel: Channel) => void;

function openChannel(
  connection: GuestConnection,
  signal: AbortSignal,
  open: (opened: Opened) => void,
): Promise<Channel> {
  if (connection.closed) throw connection.lost();
  const { promise, resolve, reject } = Promise.withResolvers<Channel>();
  const abort = () => reject(signal.reason);
  const lost = () => reject(connection.lost());
  signal.addEventListener('abort', abort, { once: true });
  connection.client.once('close', lost);
  const opened: Opened = (error, channel) => {
    if (error)
      reject(new VmTaskError('guest-failed', `the machine refuses a command: ${error.message}`, { cause: error }));
    else if (signal.aborted) channel.destroy();
    else {
      connection.watch(channel);
      resolve(channel);
    }
  };
  orLost(connection, reject, () => open(opened));
  return promise.finally(() => {
    signal.removeEventListener('abort', abort);
    connection.client.removeListener('close', lost);
  });
}
