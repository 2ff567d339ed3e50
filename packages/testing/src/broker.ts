/** A broker as the system has it: a server of one's own, every stream made, a connection and a bus on it. */
import { type Bus, createBus } from '@vm-task/bus/bus';
import { type Connection, openConnection } from '@vm-task/bus/connection';
import type { BrokerUser } from '@vm-task/bus/credentials';
import { permissionsOf } from '@vm-task/bus/permissions';
import { makeStreams } from '@vm-task/bus/provision';
import { type Logger, silentLogger } from '@vm-task/service/log';
import { type NatsServer, type NatsServerOptions, startNatsServer } from './nats-server.ts';

export interface Broker extends AsyncDisposable {
  readonly server: NatsServer;
  readonly connection: Connection;
  readonly bus: Bus;
  /** One more connection with a bus, as another service has it; whoever asks for it closes it. */
  connect(options?: { user?: string; pass?: string; log?: Logger }): Promise<BusConnection>;
}

export interface BusConnection extends AsyncDisposable {
  readonly connection: Connection;
  readonly bus: Bus;
}

export interface BrokerOptions extends NatsServerOptions {
  /** The bus's. */
  readonly log?: Logger;
  /** A user of that name and password, who may do what that service may, beside the test, which may do everything. */
  readonly rightsOf?: BrokerUser;
}

/** A running broker whose streams are made. */
export async function startBroker({ rightsOf, ...options }: BrokerOptions = {}): Promise<Broker> {
  await using started = new AsyncDisposableStack();
  const config = [options.config ?? '', ...(rightsOf === undefined ? [] : [usersOf(rightsOf)])].join('\n');
  const server = started.use(await startNatsServer({ ...options, config }));
  const connect: Broker['connect'] = (as = {}) => openBus(server, as);
  const { connection, bus } = started.use(await connect(options.log === undefined ? {} : { log: options.log }));
  await makeStreams(connection);
  const all = started.move();
  return { server, connection, bus, connect, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function usersOf(user: BrokerUser): string {
  const users = [
    { user: 'test', password: 'test' },
    { user, password: user, permissions: permissionsOf(user) },
  ];
  return `authorization: ${JSON.stringify({ users })}`;
}

async function openBus(server: NatsServer, as: { user?: string; pass?: string; log?: Logger }): Promise<BusConnection> {
  const connection = await openConnection(server.address(as.user, as.pass), 'test');
  const bus = createBus(connection, 'vm-task/test', as.log ?? silentLogger);
  return { connection, bus, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() };
}
