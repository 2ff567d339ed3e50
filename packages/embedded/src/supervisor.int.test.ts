/** The whole system as `up` runs it, without a VM, started by somebody whose process is in no good order. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '@vm-task/shared/environment';
import { type Home, homeAt } from '@vm-task/shared/home';
import { eventually } from '@vm-task/testing/conditions';
import { descendantsOf } from '@vm-task/testing/processes';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { authorityFile } from './home-certificates.ts';
import { readHttpToken } from './http-token.ts';
import { readState, type SystemState } from './state.ts';

const cli = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
const config = 'pools: { default: { max: 1, warm: 0 } }\nhttp: { port: 0, tls: true }\nnats: { port: 0 }\n';
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

/** As on another machine, on which there is nothing of the home but what it is given. */
async function vmTask(words: readonly string[], stdin = ''): Promise<string> {
  const own = childEnvironment({ HOME: folder.path, XDG_CONFIG_HOME: join(folder.path, 'elsewhere') });
  // A home that is named goes before one that was logged in to.
  const env = { ...own, VM_TASK_HOME: undefined };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cli, ...words], { env });
  child.stdin.end(stdin);
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, 'close');
  const [output, errors] = await said;
  expect([code, output, errors]).toEqual([0, output, expect.any(String)]);
  return output;
}

test('status names the certificate of the home, with which another machine logs in over TLS', async () => {
  const status = JSON.parse(await vmTask(['status', '--json', '--home', home.root]));
  expect(status).toMatchObject({
    nats: { url: expect.stringMatching(/^tls:/), ca: authorityFile(home) },
    http: { url: expect.stringMatching(/^https:/), ca: authorityFile(home) },
  });
  const given = join(folder.path, 'given.pem');
  await copyFile(status.http.ca, given);
  await vmTask(['login', status.http.url, '--ca', given], readHttpToken(home));
  expect(JSON.parse(await vmTask(['list', '--json']))).toMatchObject({ tasks: [] });
});

test('a configuration that was made invalid later keeps no service from starting again', async () => {
  await writeFile(home.config, 'pools: { default: { max: none } }\n');
  const before = readState(home)?.services.find(({ name }) => name === 'runner');
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await isReady(({ services }) => services.some(({ name, pid }) => name === 'runner' && pid !== before?.pid));
  expect(await readFile(join(home.logs, 'runner.log'), 'utf8')).not.toContain('invalid-config');
}, 120_000);
