/** The whole system as `up` runs it, without a VM, started by somebody whose process is in no good order. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Home, homeAt } from '@vm-task/shared/home';
import { eventually } from '@vm-task/testing/conditions';
import { descendantsOf } from '@vm-task/testing/processes';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readState, type SystemState } from './state.ts';

const cli = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
const config = 'pools: { default: { max: 1, warm: 0 } }\nhttp: { port: 0 }\nnats: { port: 0 }\n';
/** Above those that Node itself closes at its start. */
const descriptor = 251;

let folder: TempFolder;
let home: Home;
let secretFile: string;
let up: ReturnType<typeof spawn>;

beforeAll(async () => {
  folder = await makeTempFolder('supervisor');
  home = homeAt(join(folder.path, 'home'));
  secretFile = join(folder.path, 'of-the-operator');
  await mkdir(home.root);
  await writeFile(home.config, config);
  const file = openSync(secretFile, 'w');
  const stdio = Array.from({ length: descriptor + 1 }, (_, fd) => (fd === descriptor ? file : 'ignore'));
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', cli, 'up', '--home', home.root];
  up = spawn('sh', ['-c', 'umask 0; exec "$@"', 'sh', ...command], { stdio: stdio as ('ignore' | number)[] });
  closeSync(file);
  await isReady();
});

afterAll(async () => {
  const gone = once(up, 'exit');
  up.kill('SIGTERM');
  await gone;
  await folder[Symbol.asyncDispose]();
});

function isReady(wanted: (state: SystemState) => boolean = () => true): Promise<unknown> {
  const look = () => {
    const state = readState(home);
    return state?.phase === 'ready' && wanted(state);
  };
  return eventually(look, { what: 'the system is ready', limitMs: 100_000 });
}

async function openFilesOf(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
}

test('no process of the system has a file that was open where it was started', async () => {
  const processes = descendantsOf(up.pid ?? 0);
  const open = await Promise.all(processes.map(({ pid }) => openFilesOf(pid)));
  expect(processes.length).toBeGreaterThanOrEqual(5);
  expect(processes.filter((_, index) => open[index]?.includes(secretFile)).map(({ argv }) => argv)).toEqual([]);
});

test('nobody but its owner may write to anything of the home, whatever the umask was', async () => {
  const names = await readdir(home.root, { recursive: true });
  const stats = await Promise.all(
    names.map(async (name) => ({ name, stat: await lstat(join(home.root, name)).catch(() => null) })),
  );
  const made = stats.filter(({ name, stat }) => stat?.isSymbolicLink() === false && name !== 'vm-task.yaml');
  expect(made.length).toBeGreaterThan(20);
  expect(made.filter(({ stat }) => ((stat?.mode ?? 0) & 0o022) !== 0).map(({ name }) => name)).toEqual([]);
});

test('a configuration that was made invalid later keeps no service from starting again', async () => {
  await writeFile(home.config, 'pools: { default: { max: none } }\n');
  const before = readState(home)?.services.find(({ name }) => name === 'runner');
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await isReady(({ services }) => services.some(({ name, pid }) => name === 'runner' && pid !== before?.pid));
  expect(await readFile(join(home.logs, 'runner.log'), 'utf8')).not.toContain('invalid-config');
}, 120_000);
