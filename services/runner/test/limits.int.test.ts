/** A process at its time limit, and one that is cancelled: it is asked, then killed, and what it left is kept. */
import { flow } from '@vm-task/shared/flow';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Guest } from '../src/guest.ts';
import { type Rig, type RunningRunner, startRig, type Task } from './rig.ts';

let rig: Rig;
let runner: RunningRunner;

beforeAll(async () => {
  rig = await startRig();
  runner = await rig.startRunner();
});

afterEach(() => {
  expect(rig.guest.jobProcesses()).toEqual([]);
});

afterAll(async () => {
  await runner.stop();
  await rig[Symbol.asyncDispose]();
});

const untilBegun = (task: Task) =>
  eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the process runs' });

/** Says so when it is asked to end, and ends well. */
const polite = 'trap "echo asked; exit 0" TERM; echo begun; while :; do sleep 0.01; done';
const endless = 'echo begun; while :; do sleep 0.01; done';

test('a process that runs too long is asked to end, has its grace, and has timed out however it ends', async () => {
  const task = await rig.submit({ run: polite, timeouts: { run: '1s' } });
  expect(await rig.completed(task)).toMatchObject({
    outcome: 'timed_out',
    exitCode: 0,
    error: { code: 'timed-out-run', message: expect.stringContaining('longer than 1s: raise timeouts.run') },
  });
  expect((await rig.output(task)).stdout.toString()).toBe('begun\nasked\n');
});

test('a process that takes no heed of its time limit is killed after the grace', async () => {
  const task = await rig.submit({ run: `trap "" TERM; ${endless}`, timeouts: { run: '1s' } });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'timed_out', signal: 'SIGKILL' });
});

test('the files and the result of a task that has timed out are kept', async () => {
  const run = `echo 1 > a.txt; echo '{"at": 1}' > $VM_TASK_RESULT; ${endless}`;
  const task = await rig.submit({ run, artifacts: ['*.txt'], timeouts: { run: '1s' } });
  expect(await rig.completed(task)).toMatchObject({
    outcome: 'timed_out',
    artifacts: [{ path: 'a.txt', bytes: 2 }],
    result: { source: 'file', value: { at: 1 } },
  });
});

test('the files of a task that is cancelled are kept', async () => {
  const task = await rig.submit({ run: `echo 1 > a.txt; ${endless}`, artifacts: ['*.txt'] });
  await untilBegun(task);
  await rig.cancel(task);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'cancelled', artifacts: [{ path: 'a.txt' }] });
});

test('files that cannot be taken make no failure of a task that has timed out', async () => {
  const run = `truncate -s 1T large.bin; echo 1 > small.bin; ${endless}`;
  const task = await rig.submit({ run, artifacts: ['*.bin'], timeouts: { run: '1s' } });
  expect(await rig.completed(task)).toMatchObject({
    outcome: 'timed_out',
    error: { code: 'timed-out-run', message: expect.stringContaining('large.bin') },
    artifacts: [{ path: 'small.bin' }],
  });
});

test('a setup step at the limit of the setup is asked to end, and the process is never started', async () => {
  const task = await rig.submit({ setup: [{ run: polite }], run: 'echo main', timeouts: { setup: '1s' } });
  expect(await rig.completed(task)).toMatchObject({
    outcome: 'timed_out',
    exitCode: null,
    error: { code: 'timed-out-setup' },
  });
  const { setup, stdout } = await rig.output(task);
  expect(setup.toString()).toMatch(/\nasked\n$/);
  expect(stdout.length).toBe(0);
});

test('a process at the limit of the whole task is asked to end', async () => {
  const task = await rig.submit({ run: polite, timeouts: { total: '2s' } });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'timed_out', error: { code: 'timed-out-total' } });
  expect((await rig.output(task)).stdout.toString()).toBe('begun\nasked\n');
});

test('a process whose time was over while no runner was there is asked by the next one', async () => {
  const task = await rig.submit({ run: polite, timeouts: { run: '2s' } });
  await untilBegun(task);
  await runner.stop();
  const { time } = (await rig.events(task)).find(({ type }) => type === 'task.setup.done') ?? expect.fail('not set up');
  const now = async () => (await rig.broker.bus.now()).getTime();
  await eventually(async () => (await now()) > time.getTime() + 2_000, { what: 'its time is over' });
  runner = await rig.startRunner();
  expect(await rig.completed(task)).toMatchObject({ outcome: 'timed_out', exitCode: 0 });
  expect((await rig.output(task)).stdout.toString()).toBe('begun\nasked\n');
});

test('a process that another runner stopped because of a cancelling was cancelled, and has not timed out', async () => {
  await runner.stop();
  {
    const guests: Guest[] = [];
    // The report of the cancelling went to a runner that was replaced.
    await using _ = await rig.startRunner(({ bus, connect }) => ({
      bus: {
        ...bus,
        workEvents: async (row, ...given) =>
          row === flow.runnerOnTaskCancelling ? undefined : bus.workEvents(row, ...given),
      },
      connect: async (ready, signal) => {
        const guest = await connect(ready, signal);
        guests.push(guest);
        return guest;
      },
    }));
    const task = await rig.submit({ run: endless });
    await untilBegun(task);
    await rig.cancel(task);
    const signal = AbortSignal.timeout(20_000);
    await guests[0]?.stop({ name: `${task.task}-1-main` }, { graceMs: 2_000, signal });
    expect(await rig.completed(task)).toMatchObject({ outcome: 'cancelled', signal: 'SIGTERM', error: null });
  }
  runner = await rig.startRunner();
});
