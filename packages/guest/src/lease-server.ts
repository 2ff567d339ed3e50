/** The one process of ours that serves a connection's leases of its machine, one request after the other. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { GuestConnection } from './connect.ts';
import { Exchange } from './exchange.ts';
import { bare, type Expected, type Field, type Frame } from './frames.ts';
import { enterUnitProgram, leaseProgram } from './supervisor.ts';

/** Ending a lease may take 20 s for its processes alone, and each of what others have left there as long. */
const answerMs = 60_000;
/** It ends with its connection. */
const forever = new AbortController().signal;

const servers = new WeakMap<GuestConnection, UseServer>();

/** The answer to one request; what is asked for at the same time waits. @throws `guest-failed`, `ssh-lost`; the signal's reason. */
export function askServer(
  connection: GuestConnection,
  fields: readonly Field[],
  expected: Expected,
  signal: AbortSignal,
): Promise<Frame> {
  const server = servers.get(connection) ?? new UseServer(connection);
  servers.set(connection, server);
  return server.ask(fields, expected, signal);
}

class UseServer {
  readonly #connection: GuestConnection;
  #exchange: Exchange | null = null;
  #before: Promise<unknown> = Promise.resolve();

  constructor(connection: GuestConnection) {
    this.#connection = connection;
  }

  ask(fields: readonly Field[], expected: Expected, signal: AbortSignal): Promise<Frame> {
    const answer = this.#before.then(() => this.#ask(fields, expected, signal));
    this.#before = answer.catch(() => undefined);
    return answer;
  }

  async #ask(fields: readonly Field[], expected: Expected, signal: AbortSignal): Promise<Frame> {
    signal.throwIfAborted();
    const exchange = this.#exchange?.isOpen ? this.#exchange : await this.#start();
    const patience = AbortSignal.timeout(answerMs);
    const giveUp = () => exchange[Symbol.dispose]();
    const limits = AbortSignal.any([signal, patience]);
    limits.addEventListener('abort', giveUp, { once: true });
    try {
      exchange.send(fields);
      return await exchange.frame(expected, { isDue: false });
    } catch (error) {
      // Where it stands nobody knows: whoever asks next asks another one.
      giveUp();
      this.#exchange = null;
      signal.throwIfAborted();
      if (!patience.aborted) throw error;
      throw new VmTaskError('guest-failed', `the machine has not answered within ${answerMs / 1_000} s`);
    } finally {
      limits.removeEventListener('abort', giveUp);
    }
  }

  async #start(): Promise<Exchange> {
    const exchange = await Exchange.open(this.#connection, enterUnitProgram, [['program', leaseProgram]], forever);
    // Before that, what is sent would be read by the program that starts it.
    await exchange.frame({ ready: bare });
    this.#exchange = exchange;
    return exchange;
  }
}
