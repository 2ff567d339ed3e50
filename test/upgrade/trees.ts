/** Two states of the repository beside each other, each with its own dependencies: the released one, and the next. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { childEnvironment, readEnvironment } from '@vm-task/shared/environment';
import { extendTree } from './next-version.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
/** Whoever tests may be another user than who owns the checkout. */
const git = ['-c', 'safe.directory=*', '-C', root];

/**
 * The repository as of that commit, ready to run.
 * @throws Error when this clone does not have the commit
 */
export async function checkOut(commit: string, folder: string): Promise<string> {
  await run('git', [...git, 'cat-file', '-e', `${commit}^{commit}`]).catch((cause) => {
    throw new Error(`this clone does not have the released commit ${commit}: git fetch origin ${commit}`, { cause });
  });
  await mkdir(folder);
  const archive = spawn('git', [...git, 'archive', '--format=tar', commit], { stdio: ['ignore', 'pipe', 'inherit'] });
  const unpack = spawn('tar', ['-x', '-C', folder], { stdio: [archive.stdout, 'ignore', 'inherit'] });
  const codes = await Promise.all([once(archive, 'exit'), once(unpack, 'exit')]);
  if (codes.some(([code]) => code !== 0)) throw new Error(`commit ${commit} could not be unpacked`);
  await install(folder);
  return folder;
}

/** What is here now, with what a next version may add. */
export async function copyExtended(folder: string): Promise<string> {
  const files = [...git, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await run('git', files, { maxBuffer: 64 * 1024 * 1024 });
  for (const file of stdout.split('\0').filter((name) => /^(packages|services|patches|[^/]+$)/.test(name))) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    // One that was removed and is in the index still is not there.
    await cp(join(root, file), join(folder, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await extendTree(folder);
  await install(folder);
  return folder;
}

/** As the set-up does, of what that has brought: the network is not asked. */
async function install(folder: string): Promise<void> {
  const { cache } = readEnvironment();
  const env = childEnvironment({
    CI: 'true',
    pnpm_config_store_dir: join(cache.root, 'pnpm/store'),
    XDG_CACHE_HOME: join(cache.root, 'pnpm/cache'),
  });
  const args = ['install', '--offline', '--prod', '--frozen-lockfile', '--ignore-scripts', '--dir', folder];
  await run('pnpm', args, { cwd: folder, env, maxBuffer: 16 * 1024 * 1024 }).catch((error) => {
    throw new Error(`the packages of ${folder} could not be installed: ${error.stdout}${error.stderr}`, {
      cause: error,
    });
  });
}
