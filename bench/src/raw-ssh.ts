/** SSH as bare as it gets with the library that the project uses: the floor of everything that goes through SSH. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { VmAccess } from '@vm-task/shared/vm-access';
import ssh2 from 'ssh2';

/** Between two attempts while a machine boots. */
const pauseMs = 20;
/** A server that is up greets within this; a connection to a machine whose network is not up hangs, and is given up then. */
const greetingMs = 500;

/** Resolves when the machine behind `access` has let us in and run `true`; tries until then, for at most `limitMs`. */
export async function firstCommand(access: VmAccess, privateKey: string, limitMs: number): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  while (!(await greets(access))) {
    if (performance.now() > giveUpAt) throw new Error(`no SSH server within ${limitMs} ms`);
    await delay(pauseMs);
  }
  await runOnce(access, privateKey, 'true');
}

/** Whether something there says the first words of SSH. */
async function greets({ host, port }: VmAccess): Promise<boolean> {
  const socket = createConnection({ host, port });
  try {
    const [said] = await once(socket, 'data', { signal: AbortSignal.timeout(greetingMs) });
    return String(said).startsWith('SSH-');
  } catch {
    return false;
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

/** Connect, one exec, end. @throws when any of it fails. */
export async function runOnce(access: VmAccess, privateKey: string, command: string): Promise<void> {
  const client = new ssh2.Client();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const pinned = Buffer.from(access.hostKey.split(' ')[1] ?? '', 'base64');
  client.once('error', reject).once('close', () => reject(new Error('the connection ended')));
  client.once('ready', () => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      channel.resume().once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))));
    });
  });
  client.connect({
    host: access.host,
    port: access.port,
    username: access.user,
    privateKey,
    // As the project's own connections do: without asking first which methods there are.
    authHandler: ['publickey'],
    hostVerifier: (key: Buffer) => key.equals(pinned),
    readyTimeout: 30_000,
  });
  try {
    await promise;
  } finally {
    client.on('error', () => {}).destroy();
  }
}
