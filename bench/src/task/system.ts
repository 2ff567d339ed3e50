/** The whole system as a user has it, `./vm-task up` on a home of its own, with a pool that is kept warm and a cold one. */
import { makeOwnSystem } from '@vm-task/chaos/own-system';
import type { Client } from '@vm-task/client/client';
import type { Home } from '@vm-task/shared/home';
import { disposedAtSignal } from '@vm-task/testing/dispose-at-signal';

export interface System extends AsyncDisposable {
  readonly home: Home;
  readonly client: Client;
}

/**
 * The warm pool has room for one VM, so that its successor is made after the task and not beside it: on few cores that
 * would be most of what is measured.
 */
export function systemConfig(image: string): object {
  return {
    defaultPool: 'warm',
    pools: { warm: { image, warm: 1, max: 1 }, cold: { image, warm: 0, max: 1 } },
  };
}

/** Returns when the system is ready; its pools may still be filling. */
export async function startSystem(config: object): Promise<System> {
  const system = await makeOwnSystem('bench', config);
  const { home, client } = system;
  const dispose = async () => {
    await system.down();
    await system.remove();
  };
  const lent = disposedAtSignal({ home, client, [Symbol.asyncDispose]: dispose });
  try {
    await system.up();
  } catch (error) {
    await lent[Symbol.asyncDispose]();
    throw error;
  }
  return lent;
}
