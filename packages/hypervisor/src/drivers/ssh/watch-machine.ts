/** How a named VM is: told by the end of a connection that is kept for it, and asked for only while there is none. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { GuestConnection } from '@vm-task/guest/connect';
import { lookAtMachine, type MachineFacts } from '@vm-task/guest/machine-lease';
import { backOffMs } from '@vm-task/shared/back-off';
import { errorInfo } from '@vm-task/shared/errors';
import type { MachineState } from '../../hypervisor.ts';
import { type KeptConnections, logIn, type MachineLogin } from './machine.ts';

/** A machine that comes back is noticed after the longest. */
const pauses = { firstMs: 1_000, longestMs: 15_000 };
/** Node's timers hold no more than 24 days. */
const hourMs = 3_600_000;

/** A connection that ends and is there again at once is nothing new. */
export async function* watchMachine(
  login: () => Promise<MachineLogin>,
  connections: KeptConnections,
  signal: AbortSignal,
): AsyncGenerator<MachineState, void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await using connection = await logIn(await login(), signal);
      const weaker = weakerOf(await lookAtMachine(connection, signal));
      using _kept = connections.keep(connection);
      yield { kind: 'there', weaker };
      failures = 0;
      await ended(connection, signal);
    } catch (error) {
      if (signal.aborted) return;
      yield { kind: 'away', reason: errorInfo(error).message };
      failures += 1;
      await delay(backOffMs(pauses, failures), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Returns when the connection has ended, or nobody wants it any more. */
async function ended(connection: GuestConnection, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const aborted = signal.aborted || once(signal, 'abort', { signal: settled.signal }).catch(() => undefined);
  try {
    while (!signal.aborted && !connection.closed) await Promise.race([aborted, connection.endedWithin(hourMs)]);
  } finally {
    settled.abort();
  }
}

function weakerOf({ keeping, limits }: MachineFacts): string | null {
  if (keeping === 'nothing') {
    return 'this login has no control groups there: limits do not hold, and what detaches itself from a task is found by its environment alone; log in as root, or have a systemd of its own for the login (loginctl enable-linger)';
  }
  return limits ? null : 'its control groups have no memory controller: limits of tasks do not hold there';
}
