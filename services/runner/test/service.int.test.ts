import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { credentialFile } from '@vm-task/shared/credentials';
import { permissionsOf } from '@vm-task/shared/permissions';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, startRig } from './rig.ts';

const users = [
  { user: 'test', password: 'test' },
  { user: 'runner', password: 'own', permissions: permissionsOf('runner') },
];

let rig: Rig;
const started: ChildProcess[] = [];

beforeAll(async () => {
  rig = await startRig(`authorization: ${JSON.stringify({ users })}`);
  const file = credentialFile(rig.home, 'runner');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(rig.broker.server.address('runner', 'own')), { mode: 0o600 });
  await mkdir(rig.home.secrets);
  await writeFile(rig.home.secret('key'), 'hunter2-hunter2\n', { mode: 0o600 });
});

afterAll(async () => {
  await Promise.all(started.map((child) => end(child, 'SIGKILL')));
  await rig[Symbol.asyncDispose]();
});

interface Service {
  readonly child: ChildProcess;
  readonly log: () => string;
}

/** The service as `up` starts it, with the rights that its user has. */
async function startService(): Promise<Service> {
  const main = join(import.meta.dirname, '../src/main.ts');
  const child = spawn(process.execPath, [main, '--home', rig.home.root], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let said = '';
  let log = '';
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    log += text.toString();
  });
  await eventually(() => said === 'ready\n', { what: 'the runner is ready', limitMs: 60_000 }).catch((error: Error) => {
    throw new Error(`${error.message}\n${log}`);
  });
  return { child, log: () => log };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
  return child.exitCode;
}

const counting = 'echo started >> starts; i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo $i; sleep 0.01; done';

test('a runner that is killed is replaced by one that goes on with the same process; its log tells no secret', async () => {
  const first = await startService();
  const task = await rig.submit({
    setup: [{ run: 'echo set up' }],
    run: `${counting}; echo "$KEY"; echo kept > kept.txt`,
    secrets: { KEY: 'key' },
    artifacts: ['kept.txt'],
  });
  await eventually(async () => (await rig.output(task)).stdout.length > 50, { what: 'output', limitMs: 60_000 });
  await end(first.child, 'SIGKILL');
  const second = await startService();
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', artifacts: [{ path: 'kept.txt' }] });
  const numbers = Array.from({ length: 300 }, (_, i) => `${i + 1}\n`).join('');
  expect((await rig.output(task)).stdout.toString()).toBe(`${numbers}***************\n`);
  expect(await readFile(join(rig.guest.home, 'work/starts'), 'utf8')).toBe('started\n');
  expect(first.log() + second.log()).not.toContain('hunter2');
  expect(second.log()).not.toMatch(/permissions violation/i);
  expect(await end(second.child, 'SIGTERM')).toBe(0);
});
