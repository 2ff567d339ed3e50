/**
 * The whole system as a user has it, `./vm-task up` on a home of its own beside the cache, with real VMs. Its temporary
 * files are in the home as well, so that what is left of them is seen.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@vm-task/client/client';
import { createHomeClient } from '@vm-task/embedded/home-client';
import { repositoryRoot } from '@vm-task/embedded/repository';
import { childEnvironment } from '@vm-task/shared/environment';
import { type Home, homeAt } from '@vm-task/shared/home';
import { makeHomeFolder } from '@vm-task/testing/home-folder';

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OwnSystem {
  readonly home: Home;
  readonly client: Client;
  /** Where the system's programs put temporary files. */
  readonly temporary: string;
  /** `./vm-task ARGS`, to its end. */
  vmTask(...args: readonly string[]): Promise<Finished>;
  /** Returns when the system is ready. @throws what `up` said when it did not work. */
  up(): Promise<void>;
  /** Everything stopped, every VM gone. @throws what `down` said when it did not work. */
  down(): Promise<void>;
  /** The home goes; nothing of it may run any more. */
  remove(): Promise<void>;
}

const launcher = join(repositoryRoot, 'vm-task');

/** A home with this configuration and ports of the system's choice; nothing runs yet. */
export async function makeOwnSystem(about: string, config: object): Promise<OwnSystem> {
  const home = homeAt(await makeHomeFolder(about));
  const temporary = join(home.root, 'tmp');
  await mkdir(temporary);
  // JSON is YAML.
  await writeFile(home.config, JSON.stringify({ http: { port: 0 }, nats: { port: 0 }, ...config }));
  const env = childEnvironment({ VM_TASK_HOME: home.root, TMPDIR: temporary });
  const vmTask = (...args: readonly string[]) => runToEnd(args, env);
  const succeed = async (...args: readonly string[]) => {
    const { exitCode, stderr } = await vmTask(...args);
    if (exitCode !== 0) throw new Error(`vm-task ${args.join(' ')} ended with exit code ${exitCode}: ${stderr}`);
  };
  return {
    home,
    client: createHomeClient(home),
    temporary,
    vmTask,
    up: () => succeed('up', '--detach'),
    down: () => succeed('down'),
    remove: () => rm(home.root, { recursive: true, force: true, maxRetries: 5 }),
  };
}

async function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Finished> {
  const child = spawn(launcher, args, {
    cwd: repositoryRoot,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C on the terminal is for whoever started this, who then takes the system down in order.
    detached: true,
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  }
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, ...printed };
}
