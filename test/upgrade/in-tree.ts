/**
 * What a tree does with its own code, in a process of its own: `node in-tree.ts TREE HOME WHAT [PORT]`.
 *
 * - `write-broker`: configuration and users of the broker, as `up` writes them
 * - `prepare`: streams, buckets, durables, as `up` makes them
 * - `audit`: what `vm-task audit` finds, as JSON
 */
import { join } from 'node:path';

/** As far as they are used here, which is what every version from the first release on has. */
interface Modules {
  'packages/shared/src/environment.ts': { readEnvironment(home: string): { readonly home: object } };
  'packages/service/src/config.ts': { loadConfig(home: object): { readonly pools: object } };
  'packages/hypervisor/src/host/host-id.ts': { readHostId(home: object): string };
  'packages/embedded/src/broker-config.ts': { writeBrokerFiles(home: object, scope: object, port: number): unknown };
  'packages/embedded/src/broker.ts': {
    prepareBroker(home: object, scope: object, signal: AbortSignal): Promise<unknown>;
  };
  'packages/embedded/src/audit-home.ts': {
    auditWith(connection: object, environment: object, config: object): Promise<object>;
  };
  'packages/bus/src/connection.ts': { openConnection(address: object, name: string): Promise<AsyncDisposable> };
  'packages/bus/src/credentials.ts': { readBrokerAddress(home: object, user: string): object };
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
    const { writeBrokerFiles } = await load('packages/embedded/src/broker-config.ts');
    await writeBrokerFiles(environment.home, scope, Number(port));
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
