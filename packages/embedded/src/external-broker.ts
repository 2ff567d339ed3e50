/**
 * The broker of a home that somebody else runs: it has been told who the operator is (`vm-task nats export`), and takes the
 * accounts, with every right of every user, from `up`.
 */
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Scope } from '@vm-task/bus/accounts';
import { openAsOwner, replaceAccounts } from '@vm-task/bus/broker-owner';
import { type Connection, isRefused } from '@vm-task/bus/connection';
import { type OperatorKeys, signAccounts } from '@vm-task/bus/operator';
import { maxPayloadBytes } from '@vm-task/bus/streams';
import type { SystemConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { makeFolder } from '@vm-task/shared/make-folder';
import type { Board } from './board.ts';
import { isStarting, prepareBroker } from './broker.ts';
import { type BrokerPlace, operatorConfig, requireKeysOfStreams, writeCredentials } from './broker-config.ts';
import { makeKeys } from './operator-keys.ts';
import type { SupervisedBroker } from './supervise-broker.ts';

const pauseMs = 1_000;

export interface ExternalBroker {
  readonly home: Home;
  readonly scope: Scope;
  readonly place: BrokerPlace;
  readonly board: Board;
  readonly stop: AbortSignal;
  /** Called with a sentence for whoever watches `up`. */
  readonly tell: (sentence: string) => void;
}

/** Where it is; null for a home that has a server of its own. */
export function externalPlace(home: Home, { nats }: Pick<SystemConfig, 'nats'>): BrokerPlace | null {
  const { servers, ca } = nats;
  if (servers === undefined) return null;
  if (servers[0]?.startsWith('tls://') !== true) return { servers };
  return { servers, tls: ca === undefined ? {} : { ca: resolve(home.root, ca) } };
}

/**
 * As configuration of nats-server: what it has to know of this home. It keeps the accounts in `folder`.
 *
 * @throws `invalid-config` where the keys of the home are lost
 */
export async function exportConfig(home: Home, scope: Scope, folder: string): Promise<string> {
  makeFolder(home.credentials, 0o700);
  requireKeysOfStreams(home);
  const keys = makeKeys(home, scope);
  const config = await operatorConfig(home, keys, await signAccounts(keys, scope), folder);
  const lines = Object.entries(config).map(([key, value]) => `${key}: ${JSON.stringify(value, null, 2)}`);
  return `# The accounts of the vm-task home ${home.root}.\n${lines.join('\n')}\n`;
}

/** Gives it this home's accounts and makes what the services need, as soon as it answers. */
export function useExternalBroker(external: ExternalBroker): SupervisedBroker {
  return { answering: prepare(external), gone: Promise.resolve() };
}

async function prepare(external: ExternalBroker): Promise<void> {
  const { home, scope, place, board, stop } = external;
  const url = place.servers.join(',');
  requireKeysOfStreams(home);
  const keys = makeKeys(home, scope);
  await writeCredentials(home, keys, scope, place, 'known keys');
  board.update({ nats: { url, version: '', pid: null } });
  await giveAccounts(external, keys);
  if (stop.aborted) return;
  const { version } = await prepareBroker(home, scope, stop);
  board.update({ nats: { url, version, pid: null } });
}

/** Until it has them, or `stop`. @throws `broker-unreachable` where it does not know this home's operator; `invalid-config`. */
async function giveAccounts({ place, scope, stop, tell }: ExternalBroker, keys: OperatorKeys): Promise<void> {
  let told = '';
  while (!stop.aborted) {
    try {
      await using owner = await openAsOwner(place, keys);
      requirePayload(owner, place);
      return await replaceAccounts(owner, await signAccounts(keys, scope));
    } catch (error) {
      if (!(error instanceof Error) || !isStarting(error)) throw error;
      if (isRefused(error)) {
        const message = `${error.message}: it has to know the operator of this home; ./vm-task nats export prints what it needs`;
        throw new VmTaskError('broker-unreachable', message, { cause: error });
      }
      if (error.message !== told) tell(error.message);
      told = error.message;
      await delay(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

function requirePayload({ nc }: Connection, { servers }: BrokerPlace): void {
  const found = nc.info?.max_payload ?? 0;
  if (found >= maxPayloadBytes) return;
  const message = `nats-server at ${servers.join(', ')} takes messages of ${found} bytes; vm-task needs max_payload: ${maxPayloadBytes} in its configuration`;
  throw new VmTaskError('invalid-config', message);
}
