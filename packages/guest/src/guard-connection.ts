/** Bounds on what a server may do to a connection besides answering: ssh2 has none. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Client } from 'ssh2';

/** The window that ssh2 opens for each channel, and a packet: more than that no server may have sent unread. */
const unreadMaxBytes = 2 * 1024 * 1024 + 64 * 1024;
/** Requests wait for the window that the server opens, 2 MiB for each of a few channels; what waits beyond answers a flood. */
const unsentMaxBytes = 16 * 1024 * 1024;
/** Proofs of host keys and answers to signs of life that are waited for: an honest server owes a handful. */
const owedMax = 32;

/** Looks after each arrival; `cut` ends the connection, and is told why. */
export function guardConnection(
  client: Client,
  socket: Socket,
  channels: ReadonlySet<Readable>,
  cut: (fault: Error) => void,
): void {
  const look = () => {
    const what = wrongWith(client, socket, channels);
    if (what !== null) cut(new VmTaskError('guest-failed', `the machine's SSH server ${what}; the connection was cut`));
  };
  socket.on('data', look);
}

function wrongWith(client: Client, socket: Socket, channels: ReadonlySet<Readable>): string | null {
  if (socket.writableLength > unsentMaxBytes) return `takes nothing of ${unsentMaxBytes} bytes`;
  if (owedBy(client) > owedMax) return `owes more than ${owedMax} answers`;
  for (const { readableLength } of channels) {
    if (readableLength > unreadMaxBytes) return 'sends more on a channel than it was let';
  }
  return null;
}

/** ssh2 keeps whoever waits for an answer to a global request in a list of its own, and says nowhere how long that is. */
function owedBy(client: Client): number {
  return (client as unknown as { readonly _callbacks: readonly unknown[] })._callbacks.length;
}
