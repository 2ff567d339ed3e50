/** A broker as the system has it: a server of one's own, every stream made, a connection and a bus on it. */

import { accountsFor, hostApiPrefix, isHostUser, type Scope } from '@vm-task/bus/accounts';
import { type Bus, createBus } from '@vm-task/bus/bus';
import { type Connection, openConnection, type Patience } from '@vm-task/bus/connection';
import type { BrokerUser } from '@vm-task/bus/credentials';
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
}

export interface ConnectOptions {
  /** The test itself, who may do everything; or a user with that name for a password, where `users` were asked for. */
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
  /** The system's users, with their names for passwords and their rights, beside the test. */
  readonly users?: readonly BrokerUser[];
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
  const config = [options.config ?? '', ...(users.length === 0 ? [] : [accountsWith(users, scope)])].join('\n');
  const server = started.use(await startNatsServer({ ...options, config }));
  const connect: Broker['connect'] = (as = {}) => openBus(server, scope, as);
  const { connection, bus } = started.use(await connect(options.log === undefined ? {} : { log: options.log }));
  await makeInfrastructure(connection, { durables: durablesFor(scope.pools, [scope.host]), hosts: [scope.host] });
  const all = started.move();
  return { server, connection, bus, connect, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** As the system configures its server, and the test as one more user of control's account. */
export function accountsWith(users: readonly BrokerUser[], scope: Scope): string {
  const accounts = accountsFor(
    users.map((user) => ({ user, password: user })),
    scope,
  );
  accounts.MAIN.users.push({ user: 'test', password: 'test' });
  return JSON.stringify({ accounts, system_account: 'SYS' }).slice(1, -1);
}

async function openBus(server: NatsServer, scope: Scope, as: ConnectOptions): Promise<BusConnection> {
  const isHost = as.user !== undefined && isHostUser(as.user);
  const address = server.address(as.user, as.user);
  const connection = await openConnection(
    isHost ? { ...address, apiPrefix: hostApiPrefix } : address,
    'test',
    as.patience,
  );
  const host = as.host ?? (isHost ? scope.host : anyHost);
  const bus = createBus(connection, 'vm-task/test', as.log ?? silentLogger, host);
  return { connection, bus, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() };
}
