/**
 * One home whose services are of one tree or another: nats-server and the four services as processes, replaced one by
 * one. The machines are named VMs, each an sshd of this host.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serverProgram } from '@vm-task/bus/streams';
import { makeHttpToken } from '@vm-task/embedded/http-token';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import { childEnvironment } from '@vm-task/shared/environment';
import { type Home, homeAt } from '@vm-task/shared/home';
import type { ServiceName } from '@vm-task/shared/roles';
import { dyingWithUs } from '@vm-task/testing/processes';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { stringify } from 'yaml';

/** A service drains for 20 s at most. */
const drainLimitMs = 30_000;
const quiet = '--disable-warning=ExperimentalWarning';
const inTree = fileURLToPath(new URL('in-tree.ts', import.meta.url));

/** How a service makes way for the one that replaces it. */
export type Leaving = 'drained before' | 'drained after' | 'killed';

export class RunningHome implements AsyncDisposable {
  readonly home: Home;
  readonly guests: readonly SshGuest[];
  readonly pools: readonly string[];
  readonly #resources: AsyncDisposableStack;
  readonly #folder: string;
  readonly #port: number;
  readonly #services = new Map<ServiceName, ChildProcess>();
  #broker: ChildProcess | null = null;

  private constructor(folder: string, port: number, guests: readonly SshGuest[], resources: AsyncDisposableStack) {
    this.#folder = folder;
    this.#port = port;
    this.home = homeAt(join(folder, 'home'));
    this.guests = guests;
    this.pools = guests.map((_, index) => `machine-${index}`);
    this.#resources = resources;
  }

  /** With so many machines; nothing runs yet. */
  static async make(folder: string, machines: number): Promise<RunningHome> {
    await using resources = new AsyncDisposableStack();
    const guests: SshGuest[] = [];
    for (let n = 0; n < machines; n++) guests.push(resources.use(await startSshGuest()));
    const made = new RunningHome(folder, await freePort(), guests, resources.move());
    made.#furnish();
    return made;
  }

  #furnish(): void {
    const { home, guests, pools } = this;
    const keys = join(home.root, 'keys');
    for (const path of [keys, home.run, home.logs, home.credentials, home.secrets]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    }
    const declared = guests.map(({ access: { host, port, user, hostKey }, privateKey }, index) => {
      const name = pools[index] ?? '';
      writeFileSync(join(keys, name), privateKey, { mode: 0o600 });
      return [name, { driver: 'ssh', host, port, user, hostKey, key: `keys/${name}` }] as const;
    });
    const config = {
      pools: Object.fromEntries(declared),
      defaultPool: pools[0],
      http: { port: 0 },
      reaper: { sweep: '1s', orphanGrace: '10s' },
    };
    writeFileSync(home.config, stringify(config));
    writeFileSync(home.host, JSON.stringify({ id: 'host' }));
    makeHttpToken(home);
  }

  /** As `up` of that tree does before its first service starts. */
  async startBroker(tree: string): Promise<void> {
    await this.#stopBroker();
    await this.run(tree, 'write-broker', String(this.#port));
    const [program, args] = dyingWithUs(serverProgram, '-c', join(this.home.nats, 'nats.conf'));
    this.#broker = spawn(program, args, { stdio: 'ignore' });
    await this.run(tree, 'prepare');
  }

  /** By the tree's own code (`in-tree.ts`). Returns what it prints. */
  async run(tree: string, what: string, ...more: readonly string[]): Promise<string> {
    const args = [quiet, inTree, tree, this.home.root, what, ...more];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: this.#environment() });
    return stdout;
  }

  /** Returns when the tree's service does the work, and the one before it has gone. */
  async replace(name: ServiceName, tree: string, leaving: Leaving = 'drained before'): Promise<void> {
    const before = this.#services.get(name);
    if (leaving === 'killed') await end(before, 'SIGKILL');
    if (leaving === 'drained before') await end(before, 'SIGTERM');
    this.#services.set(name, await this.#start(name, tree));
    if (leaving === 'drained after') await end(before, 'SIGTERM');
  }

  async #start(name: ServiceName, tree: string): Promise<ChildProcess> {
    const main = join(tree, 'services', name, 'src/main.ts');
    const [program, args] = dyingWithUs(process.execPath, quiet, main, '--home', this.home.root);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment() });
    const log = join(this.home.logs, `${name}.log`);
    child.stderr.on('data', (bytes: Buffer) => appendFileSync(log, bytes));
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${name} of ${tree} ended with ${code}: ${readFileSync(log, 'utf8').slice(-3_000)}`);
    });
    ended.catch(() => undefined);
    await Promise.race([untilReady(child), ended]);
    return child;
  }

  #environment(): NodeJS.ProcessEnv {
    const [cache, compiled] = [join(this.#folder, 'cache'), join(this.#folder, 'compiled')];
    return childEnvironment({ VM_TASK_CACHE: cache, NODE_COMPILE_CACHE: compiled });
  }

  async #stopBroker(): Promise<void> {
    await end(this.#broker ?? undefined, 'SIGTERM');
    this.#broker = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#services.values()].map((child) => end(child, 'SIGKILL')));
    await this.#stopBroker();
    await this.#resources.disposeAsync();
  }
}

async function untilReady({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new Error('its stdout is piped');
  const lines = createInterface({ input: stdout });
  for await (const line of lines) if (line === 'ready') return void stdout.resume();
  throw new Error('it ended before it was ready');
}

/** @throws Error when it does not end, or a drain ends badly */
async function end(child: ChildProcess | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit', { signal: AbortSignal.timeout(drainLimitMs) });
  child.kill(signal);
  const [code] = await gone;
  if (signal === 'SIGTERM' && code !== 0) throw new Error(`a drain ended with ${code}`);
}
