/**
 * What a tree does with its own code, in a process of its own: `node in-tree.ts TREE HOME WHAT [PORT]`.
 *
 * - `write-broker`: configuration and users of the broker, with passwords: every release takes them, and those before operator mode nothing else
 * - `prepare`: streams, buckets, durables, as `up` makes them
 * - `audit`: what `vm-task audit` finds, as JSON
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** As far as they are used here, which is what every version from the first release on has. */
interface Modules {
  'packages/shared/src/environment.ts': {
    readEnvironment(home: string): { readonly home: { readonly nats: string; readonly credentials: string } };
  };
  'packages/service/src/config.ts': { loadConfig(home: object): { readonly pools: object } };
  'packages/hypervisor/src/host/host-id.ts': { readHostId(home: object): string };
  'packages/bus/src/accounts.ts': {
    accountsFor(users: readonly object[], scope: object): object;
    isHostUser(user: string): boolean;
    readonly hostApiPrefix: string;
  };
  'packages/embedded/src/broker.ts': {
    prepareBroker(home: object, scope: object, signal: AbortSignal): Promise<unknown>;
  };
  'packages/embedded/src/audit-home.ts': {
    auditWith(connection: object, environment: object, config: object): Promise<object>;
  };
  'packages/bus/src/connection.ts': { openConnection(address: object, name: string): Promise<AsyncDisposable> };
  'packages/bus/src/credentials.ts': {
    readBrokerAddress(home: object, user: string): object;
    credentialFile(home: object, user: string): string;
    readonly brokerUsers: readonly string[];
  };
}

const [tree = '', home = '', what, port] = process.argv.slice(2);

const load = async <F extends keyof Modules>(file: F): Promise<Modules[F]> =>
  (await import(join(tree, file))) as Modules[F];

const { readEnvironment } = await load('packages/shared/src/environment.ts');
const { loadConfig } = await load('packages/service/src/config.ts');
const { readHostId } = await load('packages/hypervisor/src/host/host-id.ts');
const environment = readEnvironment(home);
const config = loadConfig(environment.home);
const scope = { host: readHostId(environment.home), pools: Object.keys(config.pools) };

switch (what) {
  case 'write-broker': {
    const { accountsFor, hostApiPrefix, isHostUser } = await load('packages/bus/src/accounts.ts');
    const { brokerUsers, credentialFile } = await load('packages/bus/src/credentials.ts');
    const { nats, credentials } = environment.home;
    for (const folder of [nats, credentials]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const users = brokerUsers.map((user) => ({ user, password: user }));
    for (const { user, password: pass } of users) {
      const prefix = isHostUser(user) ? { apiPrefix: hostApiPrefix } : {};
      const content = JSON.stringify({ servers: [`nats://127.0.0.1:${port}`], user, pass, ...prefix });
      writeFileSync(credentialFile(environment.home, user), content, { mode: 0o600 });
    }
    const jetstream = { store_dir: join(nats, 'data'), max_file_store: 1024 ** 4, sync_interval: 'always' };
    const server = { host: '127.0.0.1', port: Number(port), max_payload: 8 * 1024 ** 2, jetstream };
    const accounts = { accounts: accountsFor(users, scope), system_account: 'SYS' };
    writeFileSync(join(nats, 'nats.conf'), JSON.stringify({ ...server, ...accounts }));
    break;
  }
  case 'prepare': {
    const { prepareBroker } = await load('packages/embedded/src/broker.ts');
    await prepareBroker(environment.home, scope, AbortSignal.timeout(60_000));
    break;
  }
  case 'audit': {
    const { auditWith } = await load('packages/embedded/src/audit-home.ts');
    const { openConnection } = await load('packages/bus/src/connection.ts');
    const { readBrokerAddress } = await load('packages/bus/src/credentials.ts');
    await using connection = await openConnection(readBrokerAddress(environment.home, 'reaper'), 'audit');
    process.stdout.write(JSON.stringify(await auditWith(connection, environment, config)));
    break;
  }
  default:
    throw new Error(`there is nothing called ${what}`);
}
