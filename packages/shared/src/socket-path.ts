/** Unix sockets wherever a home is: the kernel takes a path of 107 bytes, and homes may be deeper. */
import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** `sun_path` of unix(7), without the byte that ends it. */
const pathMaxBytes = 107;

export interface SocketPath extends Disposable {
  /** Holds until this is disposed of, and in this process only. */
  readonly path: string;
}

/**
 * A path of the socket that the kernel takes. Where its own is too long, its folder is opened, and named by the descriptor.
 *
 * @throws the system's own error when the folder cannot be opened
 */
export function shortSocketPath(path: string): SocketPath {
  if (Buffer.byteLength(path) <= pathMaxBytes) return { path, [Symbol.dispose]: () => undefined };
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: join('/proc/self/fd', String(folder), basename(path)), [Symbol.dispose]: () => closeSync(folder) };
}
