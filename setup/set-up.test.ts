import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** A checkout with nothing but the launcher and the set-up, on a machine whose every program is a stand-in. */
let folder: string;
const checkout = () => join(folder, 'checkout');
const cache = () => join(folder, 'cache');
const running = new Set<ChildProcess>();

function program(name: string, script: string): void {
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** The packages of a registry: each holds one stand-in. `needs.sh` of the checkout names their hashes. */
const packages = { node: 'bin/node', pnpm: 'pnpm' } as const;

const packsNodeAndPnpm = `
  [ "$1" = pack ] || { echo "$MACHINE/none"; exit; }
  for wanted; do :; done
  case $wanted in
    node-linux-*) echo fetched >>"$MACHINE/npm-calls"; cp "$MACHINE/node.tgz" node.tgz ;;
    @pnpm/*) cp "$MACHINE/pnpm.tgz" pnpm.tgz ;;
  esac`;

/** Makes the package anew of the stand-in as it is now. */
function publish(name: keyof typeof packages): void {
  const content = join(folder, 'package', packages[name]);
  mkdirSync(dirname(content), { recursive: true });
  cpSync(join(folder, name), content);
  execFileSync('tar', ['-czf', join(folder, `${name}.tgz`), '-C', folder, `package/${packages[name]}`]);
}

function trust(name: keyof typeof packages): void {
  const hash = createHash('sha512')
    .update(readFileSync(join(folder, `${name}.tgz`)))
    .digest('base64');
  const lines = ['x64', 'arm64'].map((arch) => `${name}_${arch}_integrity=sha512-${hash}\n`);
  appendFileSync(join(checkout(), 'setup/needs.sh'), lines.join(''));
}

const writesBundle = 'for folder; do :; done; mkdir "$folder"; echo none >"$folder/sources"';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vm-task-set-up-'));
  mkdirSync(join(folder, 'bin'));
  cpSync(import.meta.dirname, join(checkout(), 'setup'), { recursive: true });
  cpSync(join(import.meta.dirname, '..', 'vm-task'), join(checkout(), 'vm-task'));
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) writeFileSync(join(checkout(), file), '');
  for (const name of ['mmdebstrap', 'mke2fs', 'newuidmap', 'pasta', 'bwrap', 'ip', 'perl']) program(name, '');
  for (const name of ['qemu-system-x86_64', 'qemu-img']) program(name, 'echo "QEMU version 10.0.2 (Debian)"');
  program('nats-server', 'echo "nats-server: v2.15.1"');
  program('npm', packsNodeAndPnpm);
  program('../node', `case $* in *write-bundle*) ${writesBundle} ;; *) echo "node ran $*" ;; esac`);
  program('../pnpm', '[ "$1" = install ] || exit 0; echo installed >>"$MACHINE/pnpm-calls"; mkdir -p node_modules');
  for (const name of ['node', 'pnpm'] as const) {
    publish(name);
    trust(name);
  }
});

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  rmSync(folder, { recursive: true, force: true });
});

function launch(
  environment: Record<string, string> = { HOME: folder, VM_TASK_CACHE: cache() },
  [command, ...args]: readonly [string, ...string[]] = ['vm-task', 'show', 'a b'],
) {
  const path = `${join(folder, 'bin')}:/usr/bin:/bin`;
  const child = spawn(join(checkout(), command), args, {
    env: { PATH: path, MACHINE: folder, ...environment },
  });
  running.add(child);
  const told = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (told.stdout += text));
  child.stderr.on('data', (text) => (told.stderr += text));
  const done = once(child, 'close').then(([code]) => ({ code, ...told }));
  const says = (words: string) => vi.waitFor(() => expect(told.stderr).toContain(words), { timeout: 20_000 });
  return { child, done, says };
}

const calls = (name: string) => readFileSync(join(folder, `${name}-calls`), 'utf8').split('\n').length - 1;

/** What npm does until the test lets it go on. */
const waits = 'echo $$ >"$MACHINE/npm-pid"; until [ -e "$MACHINE/go" ]; do sleep 0.05; done';

test('what is missing is said and set up, then the command runs with its arguments as they were', async () => {
  const { code, stdout, stderr } = await launch().done;
  expect({ code, stdout }).toEqual({ code: 0, stdout: `node ran ${checkout()}/packages/cli/src/main.ts show a b\n` });
  expect(stderr).toMatch(/^vm-task: set-up: Node 24.*\nvm-task: set-up: the workspace's npm packages, by pnpm\n$/);
});

test('the second time nothing is set up and nothing is said', async () => {
  await launch().done;
  const second = await launch().done;
  expect(second).toMatchObject({ code: 0, stderr: '' });
  expect([calls('npm'), calls('pnpm')]).toEqual([1, 1]);
});

test('the programs are bundled in the cache, in a place of this checkout', async () => {
  await launch().done;
  const bundle = readlinkSync(join(checkout(), 'node_modules', '.bundle'));
  expect(bundle.startsWith(join(cache(), 'bundles/'))).toBe(true);
  expect(readFileSync(join(bundle, 'sources'), 'utf8')).toBe('none\n');
});

test('what is set up first runs from the bundle at once', async () => {
  const sums = `cd "$folder"; : >main.mjs; sha256sum "$folder/main.mjs" | sed "s:$folder:$MACHINE/checkout/node_modules/.bundle:" >sources`;
  program(
    '../node',
    `case $* in *write-bundle*) for folder; do :; done; mkdir "$folder"; ${sums} ;; *) echo "node ran $*" ;; esac`,
  );
  publish('node');
  trust('node');
  const { stdout } = await launch().done;
  expect(stdout).toBe(`node ran ${checkout()}/node_modules/.bundle/main.mjs show a b\n`);
});

test('a changed lockfile repeats the packages and nothing else', async () => {
  await launch().done;
  appendFileSync(join(checkout(), 'pnpm-lock.yaml'), 'changed');
  const second = await launch().done;
  expect(second.stderr).toBe("vm-task: set-up: the workspace's npm packages, by pnpm\n");
  expect([calls('npm'), calls('pnpm')]).toEqual([1, 2]);
});

test('a second cache gets its own Node, and leaves the packages of the checkout alone', async () => {
  await launch().done;
  expect(await launch({ HOME: folder, VM_TASK_CACHE: join(folder, 'other cache') }).done).toMatchObject({ code: 0 });
  expect([calls('npm'), calls('pnpm')]).toEqual([2, 1]);
});

test('of two at once, one sets up and the other waits, says so, and runs', async () => {
  program('npm', `${waits}; ${packsNodeAndPnpm}`);
  const first = launch();
  await first.says('set-up: Node');
  const second = launch();
  await second.says('another one is at work');
  writeFileSync(join(folder, 'go'), '');
  expect([(await first.done).code, (await second.done).code, calls('npm'), calls('pnpm')]).toEqual([0, 0, 1, 1]);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends what is at work and leaves nothing half made',
  async (signal) => {
    program('npm', waits);
    const { child, done, says } = launch();
    await says('set-up: Node');
    await vi.waitFor(() => expect(readFileSync(join(folder, 'npm-pid'), 'utf8')).toMatch(/\n/), { timeout: 20_000 });
    child.kill(signal);
    const { code, stdout, stderr } = await done;
    expect({ code, stdout }).toEqual({ code: signal === 'SIGINT' ? 130 : 143, stdout: '' });
    expect(stderr).toContain('interrupted');
    expect(existsSync(join(cache(), 'setup.tmp'))).toBe(false);
    expect(existsSync(`/proc/${readFileSync(join(folder, 'npm-pid'), 'utf8').trim()}`)).toBe(false);
    program('npm', packsNodeAndPnpm);
    expect(await launch().done).toMatchObject({ code: 0 });
  },
);

test('what a set-up that was killed left behind is cleared away by the next', async () => {
  mkdirSync(join(cache(), 'setup.tmp', 'half'), { recursive: true });
  expect(await launch().done).toMatchObject({ code: 0 });
  expect(existsSync(join(cache(), 'setup.tmp'))).toBe(false);
});

test('a failure names the step, the last words and the log, and the next time goes on', async () => {
  program('npm', 'echo "npm error code ENOTFOUND"; exit 1');
  const { code, stdout, stderr } = await launch().done;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('this did not work: Node 24');
  expect(stderr).toContain('    npm error code ENOTFOUND');
  expect(stderr).toContain(join(cache(), 'setup.log'));
  program('npm', packsNodeAndPnpm);
  expect(await launch().done).toMatchObject({ code: 0 });
});

test.each(['node', 'pnpm'] as const)(
  'another %s than the repository names is refused, and nothing of it runs',
  async (name) => {
    const trusted = readFileSync(join(folder, `${name}.tgz`));
    program(`../${name}`, 'touch "$MACHINE/ran"');
    publish(name);
    const { code, stderr } = await launch().done;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /is not what this version of vm-task was tested with.*it has sha512-\S{88}, and .*sha512-\S{88}\./,
    );
    expect([existsSync(join(folder, 'ran')), readdirSync(join(cache(), 'toolchain'))]).toEqual([false, []]);
    writeFileSync(join(folder, `${name}.tgz`), trusted);
    expect(await launch().done).toMatchObject({ code: 0 });
  },
);

test('the hashes of what npm brings are in the repository for each architecture', async () => {
  const needs = readFileSync(join(import.meta.dirname, 'needs.sh'), 'utf8');
  for (const name of ['node', 'pnpm']) {
    for (const arch of ['x64', 'arm64']) {
      expect(needs).toMatch(new RegExp(`^${name}_${arch}_integrity=sha512-[A-Za-z0-9+/]{86}==$`, 'm'));
    }
  }
});

/** A nats-server that was unpacked into the cache, as of the version that it says. */
function unpackNatsServer(): string {
  const server = join(cache(), 'toolchain/nats-server/usr/sbin/nats-server');
  mkdirSync(dirname(server), { recursive: true });
  writeFileSync(server, '#!/bin/sh\ntouch "$MACHINE/asked"\necho "nats-server: v2.15.1"\n', { mode: 0o755 });
  return server;
}

test('a nats-server that was unpacked before hashes were recorded has its recorded, and another one is refused then', async () => {
  rmSync(join(folder, 'bin', 'nats-server'));
  const server = unpackNatsServer();
  await launch().done;
  appendFileSync(join(checkout(), 'pnpm-lock.yaml'), 'changed');
  expect(await launch().done).toMatchObject({ code: 0 });
  expect(readFileSync(`${server}.sha256`, 'utf8')).toMatch(/^[0-9a-f]{64} {2}/);
  appendFileSync(join(checkout(), 'pnpm-lock.yaml'), 'changed');
  appendFileSync(server, '# altered');
  rmSync(join(folder, 'asked'));
  const { code, stderr } = await launch().done;
  expect({ code, asked: existsSync(join(folder, 'asked')) }).toEqual({ code: 1, asked: false });
  expect(stderr).toContain(`${server} is not what was unpacked there`);
});

test('of two that are new enough, the nats-server that the tests ran with is taken', async () => {
  program('nats-server', 'echo "nats-server: v2.99.0"');
  const server = unpackNatsServer();
  await launch().done;
  const [toolchain = ''] = readdirSync(join(cache(), 'toolchain')).filter((name) => name.startsWith('node-'));
  expect(readlinkSync(join(cache(), 'toolchain', toolchain, 'bin/nats-server'))).toBe(server);
});

test('who is not root is told the command that root has to run', async () => {
  program('qemu-img', 'echo "qemu-img version 7.2.0"');
  program('id', 'echo 1000');
  program('apt-get', 'exit 1');
  const { code, stderr } = await launch().done;
  expect(code).toBe(1);
  expect(stderr).toContain('Only root can install what is missing: qemu-img ≥ 8.2. Have root run this');
  expect(stderr).toMatch(/^apt-get install --no-install-recommends .*qemu-utils$/m);
});

test('a suite of tests needs what is in its own table, and others do not', async () => {
  appendFileSync(join(checkout(), 'setup/needs.sh'), "\nmany_hosts_programs='\nhoster hoster-package 0\n'\n");
  for (const name of ['sshd', 'git']) program(name, '');
  program('id', 'echo 1000');
  program('apt-get', 'exit 1');
  const setUp = (level: string) => launch(undefined, ['setup/set-up.sh', level, 'true']).done;
  expect(await setUp('chaos')).toMatchObject({ code: 0 });
  const { code, stderr } = await setUp('many-hosts');
  expect(code).toBe(1);
  expect(stderr).toContain('Only root can install what is missing: hoster. Have root run this');
  expect(stderr).toMatch(/^apt-get install --no-install-recommends hoster-package$/m);
});

test('without HOME, and with a cache that cannot be written, a sentence says what to set', async () => {
  expect((await launch({}).done).stderr).toMatch(/^vm-task: HOME is not set.*VM_TASK_CACHE/);
  writeFileSync(cache(), 'a file');
  const { code, stderr } = await launch().done;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^vm-task: The cache folder cannot be written \(.*\): .*Set VM_TASK_CACHE/);
});
