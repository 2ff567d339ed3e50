import { knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import { VmTaskError } from '@vm-task/shared/errors';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectBySsh, type Guest, noConnections } from '../src/guest.ts';
import type { RunnerParts } from '../src/runner-parts.ts';
import { type Rig, startRig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(() => rig[Symbol.asyncDispose]());

const outage = () => new VmTaskError('ssh-lost', 'the test has cut the connection');

/** The machine is gone when a job of that name was followed to its first output; it was there until then. */
function lostDuring(part: string): (parts: RunnerParts) => Partial<RunnerParts> {
  let lost = false;
  const bySsh = connectBySsh(rig.home, noConnections(), knownDrivers);
  return () => ({
    isVmAlive: async () => !lost,
    async connect(ready, signal) {
      if (lost) throw outage();
      const guest = await bySsh(ready, signal);
      const run: Guest['run'] = async function* (job, options) {
        for await (const event of guest.run(job, options)) {
          yield event;
          lost ||= event.kind === 'output' && job.name.includes(part);
          if (lost) throw outage();
        }
      };
      return { ...guest, run, [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose]() };
    },
  });
}

test('a setup step that fails is tried again where the policy says so, from its first step on', async () => {
  await using _runner = await rig.startRunner();
  const steps = [{ run: 'echo one; ls in-between || { touch in-between; exit 4; }' }];
  const task = await rig.submit({ setup: steps, run: 'echo done', retry: { on: ['setup'] } });
  expect((await rig.retrying(task)).data).toMatchObject({
    attempt: 1,
    next: 2,
    vm: task.ready.data.vm,
    phase: 'setup',
    exitCode: null,
    error: { code: 'setup-failed', message: expect.stringContaining('exited with 4') },
  });
  await rig.nextAttempt(task);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', attempt: 2, result: { value: 'done\n' } });
});

test("a process's own failure is tried again only where the policy says so", async () => {
  await using _runner = await rig.startRunner();
  const asked = await rig.submit({ run: 'exit 3', retry: { maxAttempts: 2, on: ['run'] } });
  expect((await rig.retrying(asked)).data).toMatchObject({
    phase: 'run',
    exitCode: 3,
    error: { code: 'process-failed', message: 'the process exited with 3' },
  });
  await rig.nextAttempt(asked);
  expect(await rig.completed(asked)).toMatchObject({ outcome: 'failed', exitCode: 3, attempt: 2, error: null });
  expect(await rig.run({ run: 'exit 3' })).toMatchObject({ outcome: 'failed', exitCode: 3, attempt: 1, error: null });
});

test.each([
  { name: 'an unknown runtime', run: 'x', runtime: 'ruby', code: 'runtime-not-found' },
  { name: 'a secret that is missing', run: 'x', secrets: { KEY: 'none' }, code: 'secret-unusable' },
  { name: 'a program that is missing', command: ['/no/such/program'], code: 'process-not-started' },
])('$name is never tried again', async ({ name: _, code, ...file }) => {
  await using _runner = await rig.startRunner();
  const end = await rig.run({ ...file, retry: { maxAttempts: 9, on: ['vm', 'setup', 'run'] } });
  expect(end).toMatchObject({ outcome: 'failed', attempt: 1, error: { code } });
});

test('a machine that is lost before the first step is tried again by default', async () => {
  const dead = { connect: () => Promise.reject(outage()), isVmAlive: async () => false };
  await using _runner = await rig.startRunner(() => dead);
  for (const file of [{ run: 'echo never' }, { setup: [{ run: 'echo never' }], run: 'echo never' }]) {
    const task = await rig.submit(file);
    expect((await rig.retrying(task)).data).toMatchObject({ phase: 'vm', error: { code: 'vm-lost' } });
  }
});

test.each([
  ['setup', 'setup-1', ['vm', 'run']],
  ['run', 'main', ['vm', 'setup']],
])('a machine that is lost in its %s is lost in that phase', async (phase, job, others) => {
  const file = { setup: [{ run: 'echo step' }], run: 'echo begun; sleep 5' };
  {
    await using _runner = await rig.startRunner(lostDuring(job));
    const task = await rig.submit({ ...file, retry: { on: [phase] } });
    expect((await rig.retrying(task)).data).toMatchObject({ phase, error: { code: 'vm-lost' } });
  }
  await using _runner = await rig.startRunner(lostDuring(job));
  const end = await rig.run({ ...file, retry: { on: others } });
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'vm-lost' } });
});

test('a runner that took over counts what its predecessor may have started', async () => {
  const first = await rig.startRunner();
  const file = { setup: [{ run: 'echo step; sleep 5' }], run: 'echo never' };
  const task = await rig.submit({ ...file, retry: { on: ['setup'] } });
  await eventually(async () => (await rig.output(task)).setup.includes('step\n'), { what: 'the step runs' });
  await first.stop();
  const dead = { connect: () => Promise.reject(outage()), isVmAlive: async () => false };
  await using _second = await rig.startRunner(() => dead);
  expect((await rig.retrying(task)).data).toMatchObject({ phase: 'setup', error: { code: 'vm-lost' } });
});

test('nothing is tried again once the task is being cancelled', async () => {
  await using _runner = await rig.startRunner();
  const file = { run: 'trap "exit 3" TERM; echo begun; while :; do sleep 0.1; done', retry: { on: ['run'] } };
  const task = await rig.submit(file);
  await eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the process runs' });
  await rig.cancel(task);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'cancelled', attempt: 1 });
});
