import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port of 127.0.0.1 that was free a moment ago: the wanted one if it can be had, else one of the system's choice.
 * Whoever binds it must be ready to find it taken.
 */
export async function freePort(wanted = 0): Promise<number> {
  try {
    return await bindOnce(wanted);
  } catch (error) {
    if (wanted === 0) throw error;
    return await bindOnce(0);
  }
}

async function bindOnce(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('unreachable: it listens on TCP');
  return address.port;
}
