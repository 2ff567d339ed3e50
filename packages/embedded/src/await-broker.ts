/** The hosts' side of a home begins when the broker of its control side answers. */
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';

const pauseMs = 500;

/**
 * Resolves when the broker takes a host in, by the address that is in the home then; also when `stop` comes first. What
 * waiting cannot heal is thrown, as `broker-too-old`.
 */
export async function awaitBroker(home: Home, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      await using _connection = await openConnection(readBrokerAddress(home, 'provisioner'), 'vm-task up');
      return;
    } catch (error) {
      if (error instanceof VmTaskError && error.code === 'broker-too-old') throw error;
      await delay(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}
