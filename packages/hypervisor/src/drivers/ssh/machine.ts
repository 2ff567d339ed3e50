/** One named VM over SSH: a connection of its own for each question, or the one that is kept while it is watched. */
import { readFile } from 'node:fs/promises';
import { connect, type GuestConnection } from '@vm-task/guest/connect';
import { loginKey, type VmAccess } from '@vm-task/shared/vm-access';

/** A login takes half a second at worst; whoever needs longer cannot be worked with. */
const handshakeMs = 15_000;

export interface MachineLogin {
  readonly access: VmAccess;
  /** The file of the private key. */
  readonly keyFile: string;
}

/** @throws as `connect` of the guest package; the file's error when there is no key. */
export async function logIn({ access, keyFile }: MachineLogin, signal: AbortSignal): Promise<GuestConnection> {
  const privateKey = await readFile(keyFile, 'utf8');
  return await connect(access, { privateKey, signal, handshakeMs });
}

/** Connections that somebody keeps open, by where they go: others may use them meanwhile. */
export class KeptConnections {
  readonly #kept = new Map<string, GuestConnection>();

  /** Lent to others until it is disposed of. */
  keep(connection: GuestConnection): Disposable {
    const key = loginKey(connection.access);
    this.#kept.set(key, connection);
    return {
      [Symbol.dispose]: () => {
        if (this.#kept.get(key) === connection) this.#kept.delete(key);
      },
    };
  }

  /** What `action` returns over a kept connection, or over one that is made for it. */
  async reach<T>(
    login: MachineLogin,
    signal: AbortSignal,
    action: (connection: GuestConnection) => Promise<T>,
  ): Promise<T> {
    const kept = this.#kept.get(loginKey(login.access));
    if (kept !== undefined && !kept.closed) return await action(kept);
    await using connection = await logIn(login, signal);
    return await action(connection);
  }
}
