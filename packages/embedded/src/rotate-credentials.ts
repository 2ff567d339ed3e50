/**
 * New credentials for every user of the home's broker, while work goes on: for some time those before and the new ones are
 * both valid, each service logs in anew when it sees its file replaced, and what was before holds no longer when nobody
 * uses it. Whoever is killed in between leaves both valid, and the next rotation ends that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Scope } from '@vm-task/bus/accounts';
import { connectedByOthers, openAsOwner, replaceAccounts } from '@vm-task/bus/broker-owner';
import type { Connection } from '@vm-task/bus/connection';
import { newSigners, type OperatorKeys, signAccounts, withoutOldSigners } from '@vm-task/bus/operator';
import type { Home } from '@vm-task/shared/home';
import { writeCredentials } from './broker-config.ts';
import { makeKeys, writeKeys } from './operator-keys.ts';

const pollMs = 250;

export interface Rotating {
  readonly scope: Scope;
  /** Where the broker is, and whether it runs now. */
  readonly url: string;
  readonly isUp: boolean;
  readonly signal: AbortSignal;
  /** Told who still uses what was before, whenever that changes. */
  readonly onWaiting: (names: readonly string[]) => void;
}

/**
 * When it returns, nothing that was signed before is let in any more. An abort leaves both valid.
 *
 * @throws the signal's reason; `broker-unreachable`.
 */
export async function rotateCredentials(home: Home, rotating: Rotating): Promise<void> {
  const { scope, url, isUp } = rotating;
  const both = newSigners(makeKeys(home, scope));
  const only = withoutOldSigners(both);
  if (!isUp) {
    // The next start gives the broker what stands here.
    writeKeys(home, only);
    return writeCredentials(home, only, scope, url, 'new keys');
  }
  await using owner = await openAsOwner([url], both);
  writeKeys(home, both);
  await replaceAccounts(owner, await signAccounts(both, scope));
  await writeCredentials(home, both, scope, url, 'new keys');
  await untilAllUse(only, owner, rotating);
  writeKeys(home, only);
  await replaceAccounts(owner, await signAccounts(only, scope));
}

async function untilAllUse(keys: OperatorKeys, owner: Connection, { signal, onWaiting }: Rotating): Promise<void> {
  let told = '';
  for (;;) {
    const others = await connectedByOthers(owner, keys);
    if (others.length === 0) return;
    if (told !== others.join()) onWaiting(others);
    told = others.join();
    await delay(pollMs, undefined, { signal });
  }
}
