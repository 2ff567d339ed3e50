/**
 * How every service lives: configuration, log, telemetry, bus, handlers; on SIGTERM or SIGINT a drain (nothing new is
 * taken, what is in flight is finished or handed over within the grace), then an exit code.
 *
 * | file | role |
 * |---|---|
 * | `config.ts`, `secret-file.ts` | `vm-task.yaml`, with every default; secrets that it names |
 * | `private-file.ts` | files that only their owner may read |
 * | `drain.ts`, `heartbeat.ts` | from SIGTERM to the end, which comes for certain; that the service still works |
 * | `log.ts`, `say-connection.ts`, `telemetry.ts`, `metrics.ts` | what a service says of itself |
 */
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Bus, createBus } from '@vm-task/bus/bus';
import { type BrokerAddress, type Connection, openConnection } from '@vm-task/bus/connection';
import { credentialFile, readBrokerAddress } from '@vm-task/bus/credentials';
import { followFeatures } from '@vm-task/bus/features';
import { loginAnew } from '@vm-task/bus/login-anew';
import { readBackStreams } from '@vm-task/bus/provision';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import { type Environment, readEnvironment } from '@vm-task/shared/environment';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import { closeInheritedFiles, forbidOthersToWrite } from '@vm-task/shared/process-start';
import { hostServices, type Role, roles, type ServiceName } from '@vm-task/shared/roles';
import type { StreamName } from '@vm-task/shared/stream-name';
import { loadConfig, type SystemConfig } from './config.ts';
import { type DrainLimits, drainAtSignal, drainLimits } from './drain.ts';
import { startHeartbeat } from './heartbeat.ts';
import { createLogger, type Logger } from './log.ts';
import { sayConnection } from './say-connection.ts';
import { startTelemetry } from './telemetry.ts';

export interface ServiceContext {
  readonly environment: Environment;
  readonly config: SystemConfig;
  readonly bus: Bus;
  readonly log: Logger;
  /** Which host this is. */
  readonly host: string;
  /** What this process does of a service that has work on both sides. */
  readonly role: Role;
  /** Aborted at SIGTERM: take nothing new. */
  readonly stop: AbortSignal;
  /** Aborted at the end of the drain's grace: give up what is still in flight. */
  readonly abort: AbortSignal;
  /** Called once when the service does its work; what `up` waits for. */
  readonly ready: () => void;
}

/** What a service has while the broker is away. */
export type LocalContext = Omit<ServiceContext, 'bus' | 'ready'>;

/** Connections and consumers are there by then. */
const settledAfterMs = 10_000;
/** Between two tries to reach the broker, for a service that has work without it. */
const reconnectPauseMs = 1_000;

export interface ServiceDefinition {
  readonly name: ServiceName;
  /** Read back before anything else happens. */
  readonly streams: readonly StreamName[];
  /** Work that needs no broker: begins before there is one, and goes on until `stop`. The broker is then waited for. */
  readonly withoutBus?: (context: LocalContext) => Promise<void>;
  /** Works until `stop`, and resolves when drained. */
  readonly run: (context: ServiceContext) => Promise<void>;
}

/**
 * Runs a service as this process. Never returns: the process ends with 0 after a drain, with 1 when it cannot work or
 * does not drain.
 */
export async function runService(definition: ServiceDefinition, limits: DrainLimits = drainLimits): Promise<never> {
  const options = {
    home: { type: 'string' },
    config: { type: 'string' },
    role: { type: 'string', default: 'all' },
  } as const;
  const { values } = parseArgs({ options });
  forbidOthersToWrite();
  closeInheritedFiles();
  const role = roleOf(values.role);
  const environment = readEnvironment(values.home);
  const log = createLogger(definition.name, environment.logLevel);
  const signals = drainAtSignal(definition.name, limits, log);
  startHeartbeat();
  try {
    const configFile = values.config ?? environment.home.config;
    await runUntilDrained(definition, { environment, log, role, ...signals }, configFile);
    log.info('stopped');
    return process.exit(0);
  } catch (error) {
    log.fatal({ err: error, ...errorInfo(error) }, errorInfo(error).message);
    return process.exit(1);
  }
}

async function runUntilDrained(
  definition: ServiceDefinition,
  given: Omit<LocalContext, 'config' | 'host'>,
  configFile: string,
): Promise<void> {
  const { environment } = given;
  const config = loadConfig({ config: configFile });
  await using _telemetry = await startTelemetry(definition.name, environment.otlpEndpoint !== null);
  const host = readHostId(environment.home);
  const local: LocalContext = { ...given, config, host };
  const tasks = [withBus(definition, local)];
  if (definition.withoutBus !== undefined) tasks.push(definition.withoutBus(local));
  await Promise.all(tasks);
}

async function withBus(definition: ServiceDefinition, local: LocalContext): Promise<void> {
  const { environment, host, log } = local;
  const address = readBrokerAddress(environment.home, definition.name);
  const reach = definition.withoutBus === undefined ? openConnection : waitForConnection(local);
  await using connection = await reach(address, `${definition.name}@${hostname()}`);
  if (connection === null) return;
  void sayConnection(connection, log);
  await readBackStreams(connection, definition.streams);
  const closed = new AbortController();
  void loginAnew(connection, credentialFile(environment.home, definition.name), closed.signal, log);
  using _following = { [Symbol.dispose]: () => closed.abort(new Error('the service has ended')) };
  const features = followFeatures(connection, { log, stop: closed.signal });
  const source = `vm-task/${host}/${definition.name}`;
  const bus = createBus(connection, source, log, hostOf(definition.name, host), features);
  const ready = () => {
    // What a start leaves behind is a third of the memory of an idle service, which would collect it hours later.
    setTimeout(
      () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
      settledAfterMs,
    ).unref();
    // The line that `up` waits for; everything else on stdout would be a mistake.
    process.stdout.write('ready\n');
  };
  await definition.run({ ...local, bus, ready });
}

function roleOf(text: string): Role {
  const role = roles.find((one) => one === text);
  if (role === undefined) throw new Error(`--role ${JSON.stringify(text)} is none of ${roles.join(', ')}`);
  return role;
}

/** What a service says is its host's, or control's. */
function hostOf(name: ServiceName, host: string): HostToken {
  return hostServices.some((service) => service === name) ? host : anyHost;
}

/** Tries until the broker accepts the connection; null when `stop` came first. What waiting cannot heal is thrown. */
function waitForConnection({ log, stop }: LocalContext) {
  return async (address: BrokerAddress, name: string): Promise<Connection | null> => {
    while (!stop.aborted) {
      try {
        return await openConnection(address, name);
      } catch (error) {
        if (!(error instanceof VmTaskError && error.code === 'broker-unreachable')) throw error;
        log.warn({ err: error }, 'working without the broker');
        await delay(reconnectPauseMs, undefined, { signal: stop }).catch(() => undefined);
      }
    }
    return null;
  };
}
