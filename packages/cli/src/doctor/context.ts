/** What the checks share: one connection for each user, made at most once, and what is known of the broker. */
import type { Scope } from '@vm-task/bus/accounts';
import { type Connection, openConnection } from '@vm-task/bus/connection';
import { type BrokerUser, readBrokerAddress } from '@vm-task/bus/credentials';
import { type Lacking, lackingRights } from '@vm-task/bus/lacking-rights';
import { alteredStreams } from '@vm-task/bus/provision';
import { readState, type SystemState } from '@vm-task/embedded/state';
import { type Drivers, knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import { NotCheckable } from '@vm-task/hypervisor/drivers/finding';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import { loadConfig, type SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import type { VmTaskError } from '@vm-task/shared/errors';

export interface Context extends AsyncDisposable {
  readonly environment: Environment;
  readonly drivers: Drivers;
  /** Of the system on this home; null when none is up. */
  readonly state: SystemState | null;
  /** This host's clock. */
  readonly now: () => number;
  /** @throws `NotCheckable` when `vm-task.yaml` cannot be used. */
  config(): SystemConfig;
  /** The host and the pools of this home. @throws as `config`. */
  scope(): Scope;
  /** As the user that makes the streams, whatever else is known. @throws as `openConnection`. */
  broker(): Promise<Connection>;
  /** What the user may not do that it has to, or does in vain. @throws `NotCheckable`, and what keeps the user out. */
  lacking(user: BrokerUser): Promise<readonly Lacking[]>;
  /** What is missing or altered, by the stream's name. @throws `NotCheckable`. */
  altered(): Promise<ReadonlyMap<string, VmTaskError>>;
  /** As a user that may do all that it has to, where these streams are there. @throws `NotCheckable`. */
  connect(user: BrokerUser, streams: readonly string[]): Promise<Connection>;
}

export function openContext(
  environment: Environment,
  now: () => number = Date.now,
  drivers: Drivers = knownDrivers,
): Context {
  const { home } = environment;
  const state = readState(home);
  const connections = new Map<BrokerUser, Promise<Connection>>();
  const open = once(connections, async (user: BrokerUser) =>
    openConnection(readBrokerAddress(home, user), `vm-task doctor as ${user}`),
  );
  const config = (): SystemConfig => {
    try {
      return loadConfig(home, drivers);
    } catch (error) {
      throw new NotCheckable('vm-task.yaml cannot be used; see configuration', { cause: error });
    }
  };
  const login = async (user: BrokerUser): Promise<Connection> => {
    if (state === null) throw new NotCheckable('the system is not up; see services');
    await open('system').catch((error) => {
      throw new NotCheckable('NATS does not answer; see broker', { cause: error });
    });
    return await open(user);
  };
  const lacking = once(new Map(), async (user: BrokerUser) => lackingRights(await login(user), user, scope()));
  const entitled = async (user: BrokerUser): Promise<Connection> => {
    const found = await lacking(user).catch((error) => {
      if (error instanceof NotCheckable) throw error;
      throw new NotCheckable(`NATS does not take ${user} in; see permissions`, { cause: error });
    });
    // Silence is the streams' trouble.
    if (found.every(({ what }) => what === 'gets no answer on')) return await open(user);
    throw new NotCheckable(`${user} may not do all that it has to; see permissions`);
  };
  const scope = (): Scope => ({ host: readHostId(home), pools: Object.keys(config().pools) });
  const altered = once(new Map(), async (_all: 'streams') => alteredStreams(await entitled('system'), [scope().host]));
  return {
    environment,
    drivers,
    state,
    now,
    config,
    scope,
    broker: () => open('system'),
    lacking,
    altered: () => altered('streams'),
    async connect(user, streams) {
      const gone = await altered('streams');
      const missing = streams.find((name) => gone.has(name));
      if (missing !== undefined) throw new NotCheckable(`${missing} is missing or altered; see streams`);
      return await entitled(user);
    },
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(connections.values());
      await Promise.all(all.map((one) => (one.status === 'fulfilled' ? one.value[Symbol.asyncDispose]() : null)));
    },
  };
}

/** Asks once for each key, whoever asks first. */
function once<K, T>(answers: Map<K, Promise<T>>, ask: (key: K) => Promise<T>): (key: K) => Promise<T> {
  return (key) => {
    const answer = answers.get(key) ?? ask(key);
    answers.set(key, answer);
    return answer;
  };
}
