/**
 * The whole system for a test: `./vm-task` as a user has it, on a home of its own, with real VMs. Lent with
 * `await using`; taken down at the end, when it is checked that nothing of it is left.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@vm-task/client/client';
import { createHomeClient } from '@vm-task/embedded/home-client';
import { type Home, homeAt } from '@vm-task/shared/home';
import { disposedAtSignal } from '@vm-task/testing/dispose-at-signal';
import { makeHomeFolder } from '@vm-task/testing/home-folder';
import { dump } from 'js-yaml';

export const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url));
const main = join(repositoryRoot, 'packages/cli/src/main.ts');
const vmTaskProgram = [process.execPath, '--disable-warning=ExperimentalWarning', main] as const;

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly finished: Promise<Finished>;
  /** Resolves once stdout has `text`. */
  printed(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

export interface TestSystem extends AsyncDisposable {
  readonly home: Home;
  /** For waiting: the same questions as the commands ask, without a process for each look. */
  readonly client: Client;
  /** `./vm-task ARGS`, to its end. */
  vmTask(args: readonly string[], input?: string): Promise<Finished>;
  start(args: readonly string[], input?: string): RunningCommand;
  /** `./vm-task ARGS --json`, parsed. @throws what it printed, when it is not JSON. */
  json<T>(args: readonly string[]): Promise<T>;
  /** Writes a task file into the home and returns its path. */
  taskFile(task: object): Promise<string>;
}

/** Ports of the system's choice, so that tests never meet; the rest as a user has it by default. */
const testConfig = { http: { port: 0 }, nats: { port: 0 } };

/** `within`: what every command line begins with, to run in the host of a `network-lab.ts`. */
export async function lendSystem(config: object = {}, within: readonly string[] = []): Promise<TestSystem> {
  const home = homeAt(await makeHomeFolder('home'));
  await writeFile(home.config, dump({ ...testConfig, ...config }));
  const start = (args: readonly string[], input = '') =>
    startCommand(home, [...within, ...vmTaskProgram, ...args], input);
  const vmTask = (args: readonly string[], input?: string) => start(args, input).finished;
  let files = 0;
  return disposedAtSignal<TestSystem>({
    home,
    client: createHomeClient(home),
    start,
    vmTask,
    async json<T>(args: readonly string[]): Promise<T> {
      const [command = '', ...rest] = args;
      const { stdout, stderr } = await vmTask([command, '--json', ...rest]);
      const printed = parseJson(stdout);
      if (printed === null || Object.keys(printed).join() === 'error') {
        throw new Error(`vm-task ${args.join(' ')} gave no answer: ${stdout}${stderr}`);
      }
      return printed as T;
    },
    async taskFile(task) {
      const path = join(home.root, `task-${files++}.json`);
      await writeFile(path, JSON.stringify(task));
      return path;
    },
    async [Symbol.asyncDispose]() {
      const down = await vmTask(['down']);
      const left = await whatIsLeft(home);
      await rm(home.root, { recursive: true, force: true });
      if (down.exitCode !== 0) throw new Error(`down failed: ${down.stderr}`);
      if (left.length > 0) throw new Error(`down left behind: ${left.join(', ')}`);
    },
  });
}

/** The same, and it is up. */
export async function lendRunningSystem(config: object = {}): Promise<TestSystem> {
  const system = await lendSystem(config);
  const { exitCode, stderr } = await system.vmTask(['up', '--detach']);
  if (exitCode === 0) return system;
  await system[Symbol.asyncDispose]();
  throw new Error(`it is not up: ${stderr}`);
}

function parseJson(text: string): object | null {
  try {
    return JSON.parse(text) as object;
  } catch {
    return null;
  }
}

function startCommand(home: Home, command: readonly string[], input: string): RunningCommand {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: repositoryRoot,
    env: { ...process.env, VM_TASK_HOME: home.root },
    stdio: 'pipe',
  });
  const printed = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (bytes: Buffer) => printed.stdout.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => printed.stderr.push(bytes));
  child.stdin.on('error', () => undefined).end(input);
  const text = (stream: 'stdout' | 'stderr') => Buffer.concat(printed[stream]).toString('utf8');
  const finished = once(child, 'close').then(([exitCode]) => ({
    exitCode: exitCode as number | null,
    stdout: text('stdout'),
    stderr: text('stderr'),
  }));
  return {
    finished,
    signal: (signal) => void child.kill(signal),
    async printed(wanted) {
      const ended = finished.then(({ stdout, stderr }) => {
        if (!stdout.includes(wanted)) throw new Error(`ended without printing ${wanted}: ${stdout}${stderr}`);
      });
      while (!text('stdout').includes(wanted)) await Promise.race([once(child.stdout, 'data'), ended]);
    },
  };
}

/** Processes that name the home on their command line, and VM folders in its ledger. */
async function whatIsLeft(home: Home): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return line.includes(home.root) ? `process ${pid} ${line.replaceAll('\0', ' ').slice(0, 120)}` : null;
    }),
  );
  const folders = await readdir(home.vms).catch(() => []);
  return [...lines.filter((line) => line !== null), ...folders.map((name) => `ledger folder ${name}`)];
}
