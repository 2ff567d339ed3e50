/** The host's end of the port by which a clone gets its identity. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { VmTaskError } from '@vm-task/shared/errors';
import { identitySocket } from './command-line.ts';

/** `folder`: QEMU's working directory, while QEMU runs. @throws `vm-not-started`. */
export async function connectIdentityPort(folder: string): Promise<Socket> {
  // A socket's path has 107 bytes at most, and a home's may be longer.
  await using handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const socket = connect(`/proc/self/fd/${handle.fd}/${identitySocket}`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('connect', resolve).once('error', reject);
  try {
    await promise;
    return socket;
  } catch (error) {
    throw new VmTaskError('vm-not-started', `QEMU's identity port cannot be reached: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
