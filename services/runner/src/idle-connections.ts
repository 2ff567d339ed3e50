/** Connections to named VMs between two tasks: the next one finds login and perl's start done. At most one for each machine (I13). */
import type { GuestConnection } from '@vm-task/guest/connect';
import { prepareForJob } from '@vm-task/guest/run-job';
import { loginKey, type VmAccess } from '@vm-task/shared/vm-access';

/** A chain of tasks goes on within seconds; who comes later logs in again. */
const idleMs = 10 * 60_000;

interface Idle {
  readonly connection: GuestConnection;
  readonly timer: NodeJS.Timeout;
}

export class IdleConnections implements AsyncDisposable {
  readonly #idle = new Map<string, Idle>();

  /** An open connection to exactly that login of exactly that machine, from now on the caller's; or null. */
  take(access: VmAccess): GuestConnection | null {
    const key = loginKey(access);
    const idle = this.#idle.get(key);
    if (idle === undefined) return null;
    this.#idle.delete(key);
    clearTimeout(idle.timer);
    return idle.connection.closed ? null : idle.connection;
  }

  /** Keeps it for the next one; one that has ended, or that there is already one of, is closed. */
  async put(connection: GuestConnection): Promise<void> {
    const key = loginKey(connection.access);
    if (connection.closed || this.#idle.has(key)) return await connection[Symbol.asyncDispose]();
    const timer = setTimeout(() => void this.take(connection.access)?.[Symbol.asyncDispose](), idleMs);
    this.#idle.set(key, { connection, timer: timer.unref() });
    prepareForJob(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#idle.values()];
    this.#idle.clear();
    for (const { timer } of all) clearTimeout(timer);
    await Promise.all(all.map(({ connection }) => connection[Symbol.asyncDispose]()));
  }
}
