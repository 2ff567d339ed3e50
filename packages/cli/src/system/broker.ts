/** The embedded nats-server as a child: where it listens, when it answers, and its streams. */
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection } from '@vm-task/shared/bus/connection';
import { makeStreams } from '@vm-task/shared/bus/provision';
import { readBrokerAddress } from '@vm-task/shared/credentials';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';

const pollMs = 50;

/** Opens once as the system user: waits until the server answers, checks its version, makes the streams. */
export async function prepareBroker(home: Home, signal: AbortSignal): Promise<{ version: string }> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await using connection = await openConnection(readBrokerAddress(home, 'system'), 'vm-task up');
      await makeStreams(connection);
      return { version: connection.nc.info?.version ?? 'unknown' };
    } catch (error) {
      const starting = error instanceof VmTaskError && error.code === 'broker-unreachable';
      if (!starting) throw error;
      await delay(pollMs, undefined, { signal });
    }
  }
}
