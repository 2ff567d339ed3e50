import { rm } from 'node:fs/promises';
import { anyHost } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { append, type Rig, type RunningRunner, startRig, type Task } from './rig.ts';

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

test('a task that is cancelled while its process runs is stopped, and cancelled', async () => {
  const task = await rig.submit({ run: 'echo begun; exec sleep 300' });
  await eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the process runs' });
  await rig.cancel(task);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'cancelled', exitCode: null, signal: 'SIGTERM' });
  expect((await rig.output(task)).stdout.toString()).toBe('begun\n');
});

test('a process that takes no heed of SIGTERM is killed after the grace', async () => {
  const task = await rig.submit({ run: 'trap "" TERM; echo begun; while :; do sleep 0.1; done' });
  await eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the process runs' });
  await rig.cancel(task);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' });
});

test('a task that is cancelled in a setup step never starts its process', async () => {
  const task = await rig.submit({ setup: [{ run: 'echo begun; exec sleep 300' }], run: 'echo main' });
  await eventually(async () => (await rig.output(task)).setup.includes('begun'), { what: 'the step runs' });
  await rig.cancel(task);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'cancelled', exitCode: null });
  expect((await rig.output(task)).stdout.length).toBe(0);
});

test('a task that was cancelled before its runner came is cancelled without a process', async () => {
  await runner.stop();
  const task = await rig.submit({ run: 'echo never' });
  await rig.cancel(task);
  runner = await rig.startRunner();
  expect(await rig.completed(task)).toMatchObject({ outcome: 'cancelled', exitCode: null, signal: null });
  expect((await rig.output(task)).stdout.length).toBe(0);
});

test('a task that was cancelled after its process had ended has the outcome of the process', async () => {
  const task = await rig.submit({ run: 'echo begun; sleep 0.5; exit 5' });
  await eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the process runs' });
  await runner.stop();
  await eventually(() => rig.guest.jobProcesses().length === 0, { what: 'the process has ended' });
  await rig.cancel(task);
  runner = await rig.startRunner();
  expect(await rig.completed(task)).toMatchObject({ outcome: 'failed', exitCode: 5 });
});

/** A runner to which something happens while it collects, and that hears of it only when an append is refused. */
async function startUnaware(whileItCollects: () => Promise<unknown>): Promise<RunningRunner> {
  await runner.stop();
  return rig.startRunner(({ bus, connect }) => ({
    bus: {
      ...bus,
      workEvents: async (row, ...given) =>
        row === flow.runnerOnTaskCancelling ? undefined : bus.workEvents(row, ...given),
    },
    connect: async (ready, signal) => {
      const guest = await connect(ready, signal);
      return {
        ...guest,
        async collect(request, sink) {
          await whileItCollects();
          return guest.collect(request, sink);
        },
        [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
      };
    },
  }));
}

test('a cancelling between the end of the process and its event leaves the outcome as it was', async () => {
  {
    await using _ = await startUnaware(() => rig.cancel(task));
    const task = await rig.submit({ run: 'echo done', artifacts: ['*'] });
    expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect((await rig.events(task)).map(({ type }) => type).slice(-2)).toEqual(['task.cancelling', 'task.completed']);
  }
  runner = await rig.startRunner();
});

test('the cancelling of a later attempt does not let a runner end the task with an earlier one', async () => {
  {
    const { bus } = rig.broker;
    let hasMovedOn = false;
    // What a runner that took over stores, and then somebody who cancels what is to be tried again.
    await using _ = await startUnaware(async () => {
      const { seq } = await append(bus, sample.retrying(task.task, { vm: task.ready.data.vm }), task.ready.seq);
      await append(bus, sample.cancelling(task.task, { attempt: 2 }, anyHost), seq);
      hasMovedOn = true;
    });
    const task = await rig.submit({ run: 'echo done', artifacts: ['*'] });
    await eventually(() => hasMovedOn, { what: 'the task has moved on' });
    const isSettled = async () =>
      (await rig.broker.connection.jsm.consumers.info('EVENTS', `runner-${sample.sampleHost}`)).num_ack_pending === 0;
    await eventually(isSettled, { what: 'the runner has ended its work on the attempt' });
    const types = (await rig.events(task)).map(({ type }) => type);
    expect(types.slice(-2)).toEqual(['task.retrying', 'task.cancelling']);
  }
  runner = await rig.startRunner();
});

const forEver = { run: 'echo begun; exec sleep 300' };

async function begin(): Promise<Task> {
  const task = await rig.submit(forEver);
  await eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the process runs' });
  return task;
}

/** What the reaper does when its time is over. */
async function endByAnother(task: Task): Promise<void> {
  const { pool, ready } = task;
  await append(
    rig.broker.bus,
    {
      type: 'task.completed',
      host: anyHost,
      data: {
        v: 1,
        task: task.task,
        pool,
        attempt: 1,
        vm: ready.data.vm,
        outcome: 'timed_out',
        exitCode: null,
        signal: null,
        result: null,
        error: null,
        output: null,
        artifacts: [],
        processMs: null,
      },
    },
    ready.seq,
  );
}

function endProcesses(): Promise<unknown> {
  for (const pid of rig.guest.jobProcesses()) process.kill(pid, 'SIGKILL');
  return eventually(() => rig.guest.jobProcesses().length === 0, { what: 'the processes have ended' });
}

test('a task that another ended is left as it is', async () => {
  const task = await begin();
  await endByAnother(task);
  // The process goes with its VM, which is the provisioner's; here the guest stays, so the test ends it.
  await endProcesses();
  // The slot is free, and nothing was added.
  expect(await rig.run({ run: 'true' })).toMatchObject({ outcome: 'succeeded' });
  expect((await rig.events(task)).filter(({ type }) => type === 'task.completed')).toHaveLength(1);
});

test('tasks that another ended hold up nobody once their VMs have gone', async () => {
  // As many as this runner takes.
  const tasks = await Promise.all([begin(), begin(), begin(), begin()]);
  for (const task of tasks) {
    await endByAnother(task);
    await rm(rig.home.vm(task.ready.data.vm).root, { recursive: true });
  }
  rig.guest.dropConnections();
  expect(await rig.run({ run: 'true' })).toMatchObject({ outcome: 'succeeded' });
  await endProcesses();
});
