/** The whole system as a user has it, `./vm-task up` on a home of its own, with a pool that is kept warm and a cold one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '@vm-task/cli/client';
import { type Cache, type Home, homeAt } from '@vm-task/shared/home';

const main = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url));

export interface System extends AsyncDisposable {
  readonly home: Home;
  readonly client: Client;
}

/**
 * Ports of its own choice. The warm pool has room for one VM, so that its successor is made after the task and not beside
 * it: on few cores that would be most of what is measured.
 */
export function systemConfig(image: string): object {
  return {
    http: { port: 0 },
    nats: { port: 0 },
    defaultPool: 'warm',
    pools: { warm: { image, warm: 1, max: 1 }, cold: { image, warm: 0, max: 1 } },
  };
}

/** Returns when the system is ready; its pools may still be filling. */
export async function startSystem(cache: Cache, config: object): Promise<System> {
  const home = homeAt(await mkdtemp(join(cache.root, 'bench-home-')));
  // JSON is YAML.
  await writeFile(home.config, JSON.stringify(config));
  const dispose = async () => {
    await vmTask(home, 'down');
    await rm(home.root, { recursive: true });
  };
  try {
    await vmTask(home, 'up', '--detach');
  } catch (error) {
    await dispose();
    throw error;
  }
  return { home, client: createClient(home), [Symbol.asyncDispose]: dispose };
}

async function vmTask(home: Home, ...args: readonly string[]): Promise<void> {
  const env = { ...process.env, VM_TASK_HOME: home.root };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`vm-task ${args.join(' ')} ended with exit code ${code}`);
}
