/** What `doctor` finds on a home where nothing runs, or nothing of ours. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBoard } from '@vm-task/embedded/board';
import { knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import type { Environment } from '@vm-task/shared/environment';
import { cacheAt, homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import type { Check } from './check.ts';
import { checksFor } from './checks.ts';
import { configuration } from './configuration.ts';
import { openContext } from './context.ts';
import { leaks } from './leaks.ts';
import { type Checked, runChecks } from './run-checks.ts';
import { services } from './services.ts';

const checks = checksFor(knownDrivers);
const images = checks.filter(({ name }) => name === 'images');

async function lendHome() {
  const folder = await makeTempFolder('doctor');
  const home = homeAt(join(folder.path, 'home'));
  await mkdir(home.run, { recursive: true });
  const environment: Environment = {
    home,
    cache: cacheAt(join(folder.path, 'cache')),
    otlpEndpoint: null,
    logLevel: 'silent',
  };
  const look = async (some: readonly Check[] = checks) => {
    await using context = openContext(environment);
    return await runChecks(some, context);
  };
  const configure = (text: string) => writeFile(home.config, text);
  return { home, look, configure, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const told = (found: readonly Checked[]) =>
  found.filter(({ status, detail }) => status !== 'pass' && !detail.startsWith('skipped: '));

test('where no system is up, that is said, and nothing is taken for broken', async () => {
  await using lent = await lendHome();
  const found = await lent.look();
  expect(found.length).toBeGreaterThanOrEqual(12);
  // Whether this user may use KVM, and have namespaces, is the host's matter.
  expect(told(found.filter(({ name }) => name !== 'kvm' && name !== 'walls'))).toMatchObject([
    { name: 'services', status: 'warn', fix: './vm-task up --detach' },
  ]);
  const skipped = found.filter(({ detail }) => detail.startsWith('skipped: ')).map(({ name }) => name);
  expect(skipped).toEqual(['broker', 'streams', 'permissions', 'versions', 'clock', 'templates', 'dead-letters']);
});

test('a configuration that cannot be used is named with its file, and what needs it is skipped', async () => {
  await using lent = await lendHome();
  await lent.configure('pools: { default: { maxx: 3 } }');
  expect(await lent.look([configuration, ...images])).toMatchObject([
    { status: 'fail', detail: expect.stringContaining('maxx'), fix: expect.stringContaining(lent.home.config) },
    { status: 'warn', detail: 'skipped: vm-task.yaml cannot be used; see configuration' },
  ]);
});

test('an image that no recipe makes is named, and one that is to be built is not', async () => {
  await using lent = await lendHome();
  await lent.configure('pools: { default: { image: pithon } }');
  expect(await lent.look(images)).toMatchObject([{ status: 'fail', detail: expect.stringContaining('"python"') }]);
  await lent.configure('');
  expect(await lent.look(images)).toMatchObject([{ status: 'pass', detail: 'python: built at first use' }]);
});

test('a service that ends again and again is named with its log; one that begins is not taken for broken', async () => {
  await using lent = await lendHome();
  const board = createBoard(lent.home, 'all', () => undefined);
  const service = { pid: 1, state: 'ready', restarts: 0, lastExit: null } as const;
  for (const name of ['intake', 'provisioner', 'runner', 'reaper'] as const) board.updateService({ ...service, name });
  expect(await lent.look([services])).toMatchObject([{ status: 'pass' }]);
  board.updateService({ ...service, name: 'runner', state: 'starting' });
  expect(await lent.look([services])).toMatchObject([{ status: 'warn', detail: 'starting: runner is starting' }]);
  board.updateService({ ...service, name: 'runner', state: 'waiting', lastExit: 'exit code 1' });
  expect(await lent.look([services])).toMatchObject([
    { status: 'fail', detail: 'starting: runner is waiting (exit code 1)', fix: expect.stringContaining('runner.log') },
  ]);
});

test('a system whose supervisor died is reported, and what is left of it is not looked into', async () => {
  await using lent = await lendHome();
  const child = spawn('sh', ['-c', 'echo; read line', 'sh', join(lent.home.nats, 'nats.conf')], { stdio: 'pipe' });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  const found = await lent.look([services, leaks]);
  child.kill('SIGKILL');
  await ended;
  expect(found).toMatchObject([
    { status: 'fail', detail: 'what supervised the system has died, and 1 of its processes run on' },
    { status: 'warn', detail: expect.stringMatching(/^skipped: .*see services$/) },
  ]);
});

test('a check that does not come to an end fails within its limit', async () => {
  await using lent = await lendHome();
  const endless = { name: 'endless', limitMs: 50, look: () => new Promise<never>(() => undefined) };
  expect(await lent.look([endless])).toMatchObject([{ status: 'fail', detail: 'no answer within 0.05 s' }]);
});
