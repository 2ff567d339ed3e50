/**
 * The whole system as a user has it, `vm-task up` on a home of its own, with points in its services' code. Lent with
 * `await using`; taken down at the end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Bus, createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { loadConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { childEnvironment, type Environment, readEnvironment } from '@vm-task/shared/environment';
import { cacheAt, type Home, homeAt } from '@vm-task/shared/home';
import type { ServiceName } from '@vm-task/shared/roles';
import { eventually } from '@vm-task/testing/conditions';
import { makeHomeFolder } from '@vm-task/testing/home-folder';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { dump } from 'js-yaml';
import { repositoryRoot } from '../code/instrument.ts';
import { control, type Order } from '../process/control.ts';
import { furnishMachines, standInImage, standIns } from './machines.ts';
import { startWebhook } from './webhook.ts';

export interface SystemUnderTest extends AsyncDisposable {
  readonly home: Home;
  readonly hypervisor: Hypervisor;
  /** With the rights of whoever makes the streams: it may read everything. */
  readonly bus: Bus;
  /** Where every guest runs; null with real VMs. */
  readonly guest: SshGuest | null;
  /** VMs of which a scenario has made something behind the system's back. */
  readonly strays: Set<string>;
  /** From now on this holds at every point of every service. */
  order(order: Order): void;
  /** True when a service has killed itself at the point that was ordered. */
  obeyed(): boolean;
  /** The points that were reached since the order to record them, in their order. */
  reached(): readonly string[];
  signal(service: ServiceName, signal: NodeJS.Signals): void;
  /** True while all four services do their work. */
  isReady(): boolean;
}

export interface SystemOptions {
  /** Of the instrumented code. */
  readonly manifest: string;
  readonly isReal: boolean;
}

const readyLimitMs = 300_000;

/** Short waits, so that whatever relies on one is seen soon. */
const baseConfig = {
  http: { port: 0 },
  nats: { port: 0 },
  cancel: { grace: '1s' },
  reaper: { sweep: '400ms', orphanGrace: '1500ms', retention: '30s', maxTasks: 100 },
};

export async function startSystem({ manifest, isReal }: SystemOptions): Promise<SystemUnderTest> {
  await using started = new AsyncDisposableStack();
  const { guest, environment } = isReal ? await realMachines(started) : await machinesWithoutQemu(started);
  const { home } = environment;
  const pool = { max: 4, warm: 1, ...(isReal ? {} : { image: standInImage }) };
  const webhook = started.use(await startWebhook(home));
  // The same in every system, because a point's subject has it.
  await writeFile(home.host, JSON.stringify({ id: 'host' }));
  await writeFile(home.config, dump({ ...baseConfig, pools: { default: pool }, alerts: webhook.config }));
  const files = control(home.root);
  mkdirSync(files.folder, { recursive: true });
  started.use(startUp(environment, manifest, isReal));
  const state = () => readState(home);
  const isReady = () => state()?.phase === 'ready' && existsSync(join(home.run, 'http.json'));
  await eventually(isReady, { what: `the system in ${home.root} is ready`, limitMs: readyLimitMs });
  const connection = started.use(await openConnection(readBrokerAddress(home, 'system'), 'crash-points'));
  const all = started.move();
  return {
    home,
    guest,
    strays: new Set(),
    isReady,
    hypervisor: createHypervisor({ environment, config: loadConfig(home) }),
    bus: createBus(connection, 'crash-points', silentLogger),
    order(order) {
      for (const file of [files.obeyed, files.reached]) rmSync(file, { force: true });
      writeFileSync(`${files.order}.new`, JSON.stringify(order));
      renameSync(`${files.order}.new`, files.order);
    },
    obeyed: () => existsSync(files.obeyed),
    reached: () => (existsSync(files.reached) ? readFileSync(files.reached, 'utf8').trim().split('\n') : []),
    signal(service, signal) {
      const pid = state()?.services.find(({ name }) => name === service)?.pid;
      if (pid) process.kill(pid, signal);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function machinesWithoutQemu(started: AsyncDisposableStack) {
  const folder = started.use(await makeTempFolder('crash'));
  const guest = started.use(await startSshGuest());
  const home = homeAt(join(folder.path, 'home'));
  const cache = cacheAt(join(folder.path, 'cache'));
  for (const path of [home.root, cache.root]) await mkdir(path);
  await furnishMachines(home, cache, guest);
  return { guest, environment: { ...readEnvironment(home.root), cache } };
}

async function realMachines(started: AsyncDisposableStack) {
  const root = await makeHomeFolder('crash');
  started.defer(() => rm(root, { recursive: true, force: true }));
  return { guest: null, environment: readEnvironment(root) };
}

function preloadUrl(manifest: string, isReal: boolean): string {
  const url = pathToFileURL(join(repositoryRoot, 'packages/crash-points/src/process/preload.ts'));
  url.searchParams.set('manifest', manifest);
  if (!isReal) url.searchParams.set('stand-ins', JSON.stringify(standIns()));
  return url.href;
}

/** A drain, every VM away, the broker stopped. */
const downLimitMs = 90_000;

function startUp({ home, cache }: Environment, manifest: string, isReal: boolean): AsyncDisposable {
  const main = join(repositoryRoot, 'packages/cli/src/main.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'up'], {
    env: childEnvironment({
      VM_TASK_HOME: home.root,
      VM_TASK_CACHE: cache.root,
      // A service that was killed is back sooner, and costs less.
      NODE_COMPILE_CACHE: join(dirname(manifest), 'compiled'),
      NODE_OPTIONS: `--import=${preloadUrl(manifest, isReal)} --disable-warning=ExperimentalWarning`,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C is for the harness, which then takes it down in order.
    detached: true,
  });
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (bytes: Buffer) => appendFileSync(join(home.root, 'up.log'), bytes));
  }
  return { [Symbol.asyncDispose]: () => endUp(child, home) };
}

async function endUp(child: ChildProcess, home: Home): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit', { signal: AbortSignal.timeout(downLimitMs) });
  }
  if (child.exitCode !== 0)
    throw new Error(`up on ${home.root} ended badly: ${readFileSync(join(home.root, 'up.log'))}`);
}

interface State {
  readonly phase: string;
  readonly services: readonly { readonly name: string; readonly pid: number | null }[];
}

function readState(home: Home): State | null {
  try {
    return JSON.parse(readFileSync(join(home.run, 'system.json'), 'utf8')) as State;
  } catch {
    return null;
  }
}
