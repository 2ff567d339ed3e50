/**
 * A real nats-server of one's own: its own port, its own store, gone for certain when disposed of. It syncs every
 * message as the real system does, so what a test measures or breaks is what a user would.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrokerAddress } from '@vm-task/bus/connection';
import { maxPayloadBytes, serverProgram } from '@vm-task/bus/streams';
import { eventually } from './conditions.ts';
import { dyingWithUs, stopProcess } from './processes.ts';
import { makeTempFolder } from './temp-folder.ts';

export interface NatsServerOptions {
  /** More lines of nats-server configuration: users and their rights, limits. */
  readonly config?: string;
  /** Where its store is, when that is to outlive it or to be on a filesystem of its own. */
  readonly store?: string;
}

export interface NatsServer extends AsyncDisposable {
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** For a user that the configuration names; without one the server takes everybody in. */
  address(user?: string, pass?: string): BrokerAddress;
  /** Ends it as an operator does; returns when it is gone. The store stays. */
  stop(): Promise<void>;
  /** Ends it as a crash does; returns when it is gone. The store stays. */
  kill(): Promise<void>;
  /** When it returns, it hangs: connections stay open, nothing answers, until `resume`. */
  pause(): Promise<void>;
  resume(): void;
  /** Gives the running server other lines of configuration instead of its `config`. */
  reload(config: string): Promise<void>;
  /** Starts it again after `stop` or `kill`, on the same port and store; returns when it takes connections. */
  restart(): Promise<void>;
}

/** Far more than one test stores; the streams reserve what they may have, and the default follows the disk's free space. */
const storeLimit = '64GB';

export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = await makeTempFolder('nats');
  const configFile = join(folder.path, 'nats.conf');
  await writeFile(configFile, configText(folder.path, options));
  let running: Running;
  try {
    running = await start(folder.path, configFile, -1);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  const { port } = running;
  return {
    port,
    get pid() {
      return running.child.pid ?? 0;
    },
    address: (user = 'test', pass = 'test') => ({ servers: [`nats://127.0.0.1:${port}`], user, pass }),
    stop: () => end(running.child, 'SIGTERM'),
    kill: () => end(running.child, 'SIGKILL'),
    pause: () => stopProcess(running.child.pid ?? 0),
    resume: () => void running.child.kill('SIGCONT'),
    async reload(config) {
      await writeFile(configFile, configText(folder.path, { ...options, config }));
      running.child.kill('SIGHUP');
    },
    async restart() {
      running = await start(folder.path, configFile, port);
    },
    async [Symbol.asyncDispose]() {
      await end(running.child, 'SIGKILL');
      await folder[Symbol.asyncDispose]();
    },
  };
}

function configText(folder: string, { store = join(folder, 'store'), config = '' }: NatsServerOptions): string {
  return `
    host: 127.0.0.1
    ports_file_dir: "${folder}/ports"
    max_payload: ${maxPayloadBytes}
    jetstream { store_dir: "${store}", max_file_store: ${storeLimit}, sync_interval: always }
    ${config}
  `;
}

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

async function start(folder: string, configFile: string, port: number): Promise<Running> {
  const ports = join(folder, 'ports');
  await rm(ports, { recursive: true, force: true });
  await mkdir(ports);
  const logFile = join(folder, 'nats.log');
  const log = await open(logFile, 'a');
  const child = spawn(...dyingWithUs(serverProgram, '-c', configFile, '-p', String(port)), {
    stdio: ['ignore', log.fd, log.fd],
  });
  const failed = once(child, 'exit').then(
    () => Promise.reject(new Error('it ended at once')),
    (error: Error) => Promise.reject(error),
  );
  try {
    const portsFile = join(ports, `nats-server_${child.pid}.ports`);
    const listening = eventually(() => portIn(portsFile), { what: 'nats-server listens', limitMs: 60_000 });
    return { child, port: await Promise.race([listening, failed]) };
  } catch (error) {
    await end(child, 'SIGKILL');
    const said = await readFile(logFile, 'utf8');
    throw new Error(`${serverProgram} does not start: ${(error as Error).message}\n${said.slice(-4_000)}`, {
      cause: error,
    });
  } finally {
    failed.catch(() => undefined);
    await log.close();
  }
}

async function portIn(portsFile: string): Promise<number> {
  const { nats } = JSON.parse(await readFile(portsFile, 'utf8')) as { nats: string[] };
  return Number(new URL(nats[0] ?? '').port);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
