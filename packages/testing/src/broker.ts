/** A broker as the system has it: a server of one's own, every stream made, a connection and a bus on it. */

import { accountsFor, hostApiPrefix, isHostUser, type Scope } from '@vm-task/bus/accounts';
import { type Bus, createBus } from '@vm-task/bus/bus';
import {
  type BrokerAddress,
  type Connection,
  type Login,
  openConnection,
  type Patience,
} from '@vm-task/bus/connection';
import type { BrokerUser } from '@vm-task/bus/credentials';
import {
  completeKeys,
  type OperatorKeys,
  signAccounts,
  signOperator,
  signOwner,
  signUser,
} from '@vm-task/bus/operator';
import { makeInfrastructure } from '@vm-task/bus/provision';
import { type Logger, silentLogger } from '@vm-task/service/log';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import { durablesFor } from '@vm-task/shared/flow';
import { type NatsServer, type NatsServerOptions, startNatsServer } from './nats-server.ts';

export interface Broker extends AsyncDisposable {
  readonly server: NatsServer;
  readonly connection: Connection;
  readonly bus: Bus;
  /** One more connection with a bus, as another service has it; whoever asks for it closes it. */
  connect(options?: ConnectOptions): Promise<BusConnection>;
  /** What a home's file of this user's credentials has, where `users` were asked for. */
  credentialsOf(user: BrokerUser): Promise<Credentials>;
}

export interface ConnectOptions {
  /** The test itself, who may do everything; or a user of the system, where `users` were asked for. */
  readonly user?: BrokerUser;
  readonly log?: Logger;
  /** In whose name the bus speaks: control's, unless the user is a host's. */
  readonly host?: HostToken;
  readonly patience?: Patience;
}

export interface BusConnection extends AsyncDisposable {
  readonly connection: Connection;
  readonly bus: Bus;
}

export interface BrokerOptions extends NatsServerOptions {
  /** The bus's. */
  readonly log?: Logger;
  /** Those that there are durables, stores and accounts for. */
  readonly scope?: Scope;
  /** The system's users with their rights, beside the test: in operator mode, as a home has it. */
  readonly users?: readonly BrokerUser[];
}

export interface Credentials extends Login {
  readonly servers: readonly string[];
  readonly user: string;
  readonly apiPrefix?: string;
}

/** The pool and the host of the sample events. */
export const sampleScope: Scope = { host: 'host-1', pools: ['default'] };

/** A running broker whose streams are made. */
export async function startBroker({
  users = [],
  scope = sampleScope,
  ...options
}: BrokerOptions = {}): Promise<Broker> {
  await using started = new AsyncDisposableStack();
  const keys = users.length === 0 ? null : completeKeys(null, scope);
  const config = [options.config ?? '', ...(keys === null ? [] : [await operatorConfig(keys, scope)])].join('\n');
  const server = started.use(await startNatsServer({ ...options, config }));
  const logins = new Logins(server, keys, scope);
  const connect: Broker['connect'] = (as = {}) => openBus(logins, scope, as);
  const { connection, bus } = started.use(await connect(options.log === undefined ? {} : { log: options.log }));
  await makeInfrastructure(connection, { durables: durablesFor(scope.pools, [scope.host]), hosts: [scope.host] });
  const all = started.move();
  const credentialsOf = (user: BrokerUser) => logins.of(user);
  return { server, connection, bus, connect, credentialsOf, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** As a home configures its server; what it takes while it runs is not kept. */
async function operatorConfig(keys: OperatorKeys, scope: Scope): Promise<string> {
  const operator = await signOperator(keys);
  const { systemAccount: system_account, accounts } = await signAccounts(keys, scope);
  return JSON.stringify({ operator, system_account, resolver: 'MEMORY', resolver_preload: accounts }).slice(1, -1);
}

class Logins {
  readonly #server: NatsServer;
  readonly #keys: OperatorKeys | null;
  readonly #scope: Scope;

  constructor(server: NatsServer, keys: OperatorKeys | null, scope: Scope) {
    this.#server = server;
    this.#keys = keys;
    this.#scope = scope;
  }

  async of(user: BrokerUser): Promise<Credentials> {
    if (this.#keys === null) throw new Error(`ask startBroker for users: there is no ${user} without`);
    const { servers } = this.#server.address();
    const prefix = isHostUser(user) ? { apiPrefix: hostApiPrefix } : {};
    return { servers, user, ...prefix, ...(await signUser(this.#keys, user, this.#scope)) };
  }

  async addressOf(user: BrokerUser | undefined): Promise<BrokerAddress> {
    if (this.#keys === null) {
      const prefix = user !== undefined && isHostUser(user) ? { apiPrefix: hostApiPrefix } : {};
      return { ...this.#server.address(user, user), ...prefix };
    }
    if (user !== undefined) {
      const { servers, apiPrefix, ...login } = await this.of(user);
      return { servers, user, apiPrefix, login: () => login };
    }
    const { servers } = this.#server.address();
    const login = await signOwner(this.#keys, 'MAIN');
    return { servers, user: 'test', login: () => login };
  }
}

/** The accounts as configuration, with users' names for passwords: for tests that alter what a user may do. */
export function accountsWith(users: readonly BrokerUser[], scope: Scope): string {
  const accounts = accountsFor(
    users.map((user) => ({ user, password: user })),
    scope,
  );
  accounts.MAIN.users.push({ user: 'test', password: 'test' });
  return JSON.stringify({ accounts, system_account: 'SYS' }).slice(1, -1);
}

async function openBus(logins: Logins, scope: Scope, as: ConnectOptions): Promise<BusConnection> {
  const isHost = as.user !== undefined && isHostUser(as.user);
  const connection = await openConnection(await logins.addressOf(as.user), 'test', as.patience);
  const host = as.host ?? (isHost ? scope.host : anyHost);
  const bus = createBus(connection, 'vm-task/test', as.log ?? silentLogger, host);
  return { connection, bus, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() };
}
