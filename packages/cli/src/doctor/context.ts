/** What the checks share: one connection for each user, made at most once, and what is known of the broker. */
import { throwIfHopeless } from '@vm-task/shared/bus/answers';
import { type Connection, openConnection } from '@vm-task/shared/bus/connection';
import { alteredStreams } from '@vm-task/shared/bus/provision';
import { type Environment, loadConfig, type SystemConfig } from '@vm-task/shared/config';
import { type BrokerUser, readBrokerAddress } from '@vm-task/shared/credentials';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import { readState, type SystemState } from '../system/state.ts';
import { NotCheckable } from './check.ts';

export interface Context extends AsyncDisposable {
  readonly environment: Environment;
  /** Of the system on this home; null when none is up. */
  readonly state: SystemState | null;
  /** This host's clock. */
  readonly now: () => number;
  /** Thrown: `NotCheckable` when `vm-task.yaml` cannot be used. */
  config(): SystemConfig;
  /** As the user that makes the streams, and without another look at anything. Thrown: as `openConnection`. */
  broker(): Promise<Connection>;
  /** What is missing or altered, by the stream's name. Thrown: `NotCheckable`. */
  altered(): Promise<ReadonlyMap<string, VmTaskError>>;
  /** As that user, with its own password, where these streams are there. Thrown: `NotCheckable`. */
  connect(user: BrokerUser, streams: readonly string[]): Promise<Connection>;
  /** As `connect`, but what keeps the user out is thrown as it is. */
  login(user: BrokerUser): Promise<Connection>;
}

export function openContext(environment: Environment, now: () => number = Date.now): Context {
  const { home } = environment;
  const state = readState(home);
  const opened = new Map<BrokerUser, Promise<Connection>>();
  const open = (user: BrokerUser): Promise<Connection> => {
    const known = opened.get(user);
    if (known !== undefined) return known;
    const opening = (async () => openConnection(readBrokerAddress(home, user), `vm-task doctor as ${user}`))();
    opened.set(user, opening);
    return opening;
  };
  const login = async (user: BrokerUser): Promise<Connection> => {
    if (state === null) throw new NotCheckable('the system is not up');
    await open('system').catch(() => {
      throw new NotCheckable('NATS does not answer; see broker');
    });
    return await open(user);
  };
  let looking: Promise<ReadonlyMap<string, VmTaskError>> | null = null;
  const altered = () => {
    looking ??= login('system').then(alteredStreams);
    return looking;
  };
  return {
    environment,
    state,
    now,
    config() {
      try {
        return loadConfig(home);
      } catch (error) {
        throw new NotCheckable('vm-task.yaml cannot be used; see configuration', { cause: error });
      }
    },
    broker: () => open('system'),
    altered,
    login,
    async connect(user, streams) {
      const gone = await altered();
      const lacking = streams.find((name) => gone.has(name));
      if (lacking !== undefined) throw new NotCheckable(`${lacking} is missing or altered; see streams`);
      return await login(user).catch((error) => {
        if (error instanceof NotCheckable) throw error;
        throw new NotCheckable(`NATS does not take ${user} in; see permissions`, { cause: error });
      });
    },
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(opened.values());
      await Promise.all(all.map((one) => (one.status === 'fulfilled' ? one.value[Symbol.asyncDispose]() : null)));
    },
  };
}

/** The reason for which a check that threw this says nothing; null when it is a finding. */
export function whyNotCheckable(error: unknown): string | null {
  if (error instanceof NotCheckable) return error.message;
  try {
    throwIfHopeless(error);
  } catch (denied) {
    if (denied instanceof VmTaskError && denied.code === 'broker-denied') {
      return `${errorInfo(denied).message}; see permissions`;
    }
  }
  return null;
}
