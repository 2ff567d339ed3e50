/**
 * New credentials for every user of the home's broker, and a new certificate for it where it is the home's own, while work
 * goes on: for some time the credentials before and the new ones are both valid, each service logs in anew when it sees its
 * file replaced, and what was before holds no longer when nobody uses it. Whoever is killed in between leaves both valid,
 * and the next rotation ends that.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Scope } from '@vm-task/bus/accounts';
import { connectedByOthers, openAsOwner, replaceAccounts } from '@vm-task/bus/broker-owner';
import type { Connection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { newSigners, type OperatorKeys, signAccounts, withoutOldSigners } from '@vm-task/bus/operator';
import { lockFile } from '@vm-task/hypervisor/file-lock';
import type { Home } from '@vm-task/shared/home';
import { portOf, writeConfig, writeCredentials } from './broker-config.ts';
import { claimSide } from './claim-side.ts';
import { renewBrokerCertificate } from './home-certificates.ts';
import { makeKeys, writeKeys } from './operator-keys.ts';
import { reloadBroker } from './processes.ts';

const pollMs = 250;
/** Services look once a second. Who uses a credential that was stolen, or a client that nobody ends, has no say. */
const usualPatienceMs = 30_000;

export interface Rotating {
  readonly scope: Scope;
  /** Whether the system runs now. */
  readonly isUp: boolean;
  /** The broker is somebody else's: it runs, and has no certificate of this home. */
  readonly isExternal: boolean;
  readonly signal: AbortSignal;
  /** Told who still uses what was before, whenever that changes. */
  readonly onWaiting: (names: readonly string[]) => void;
  /** So long who is connected may take to log in anew. */
  readonly patienceMs?: number;
}

/**
 * When it returns, nothing that was signed before is let in any more. An abort leaves both valid. Returns the names of those
 * who went on with what was before for longer than services need, and were disconnected by it.
 *
 * @throws the signal's reason; `broker-unreachable`; `already-up` where a start is under way.
 */
export async function rotateCredentials(home: Home, rotating: Rotating): Promise<readonly string[]> {
  const { scope, isUp, isExternal, signal } = rotating;
  // A start reads the keys and gives them to the server: nobody alters them between.
  await using _start = isUp ? null : await claimSide(home, 'control', signal);
  await using _other = await lockFile(join(home.run, 'rotation.lock'), () => undefined, signal);
  const both = newSigners(makeKeys(home, scope));
  const only = withoutOldSigners(both);
  const place = readBrokerAddress(home, 'system');
  if (!isUp && !isExternal) {
    // The next start gives the broker what stands here.
    writeKeys(home, only);
    await writeCredentials(home, only, scope, place, 'new keys');
    await renewBrokerCertificate(home, 'in any case');
    return [];
  }
  await using owner = await openAsOwner(place, both);
  const hold = async (keys: OperatorKeys) => {
    const tokens = await signAccounts(keys, scope);
    writeKeys(home, keys);
    // A server that starts again by itself takes what stands there.
    if (!isExternal) await writeConfig(home, portOf(place), keys, tokens);
    await replaceAccounts(owner, tokens);
  };
  await hold(both);
  await writeCredentials(home, both, scope, place, 'new keys');
  const left = await untilAllUse(only, owner, rotating);
  await hold(only);
  if (!isExternal) {
    await renewBrokerCertificate(home, 'in any case');
    reloadBroker(home);
  }
  return left;
}

async function untilAllUse(keys: OperatorKeys, owner: Connection, rotating: Rotating): Promise<readonly string[]> {
  const { signal, onWaiting, patienceMs = usualPatienceMs } = rotating;
  const until = performance.now() + patienceMs;
  let told = '';
  for (;;) {
    const others = await connectedByOthers(owner, keys);
    if (others.length === 0 || performance.now() > until) return others;
    if (told !== others.join()) onWaiting(others);
    told = others.join();
    await delay(pollMs, undefined, { signal });
  }
}
