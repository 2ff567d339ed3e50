import { once } from 'node:events';
import { createServer } from 'node:net';

/** A socket that listens on a port of 127.0.0.1, as an open file that a program may inherit; ours is closed at the end. */
export interface HeldPort extends AsyncDisposable {
  readonly fd: number;
}

/** @throws `EADDRINUSE` when somebody else has the port. */
export async function holdPort(port: number): Promise<HeldPort> {
  // Nobody knows of the port yet. Who tries it in this moment is told that nobody answers.
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { fd } = Reflect.get(server, '_handle') as { readonly fd: number };
  return {
    fd,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

export function isAddressInUse(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}
