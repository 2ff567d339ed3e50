import type { Bus } from '@vm-task/bus/bus';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { logSubject, vmGoneSubject } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { never } from '@vm-task/testing/tasks-by-hand';
import { expect, test } from 'vitest';
import { type Rig, startRig } from '../test/reaper.ts';

const retention = '100ms';

async function left({ connection: { jsm } }: Bus, stream: 'EVENTS' | 'LOGS'): Promise<string[]> {
  const { state } = await jsm.streams.info(stream, { subjects_filter: '>' });
  return Object.keys(state.subjects ?? {}).filter((subject) => !subject.startsWith('alert.'));
}

async function isForgotten(bus: Bus, id: TaskId | PipelineId): Promise<void> {
  const isGone = async () => !(await left(bus, 'EVENTS')).some((subject) => subject.split('.').includes(id));
  await eventually(isGone, { what: `${id} is forgotten` });
}

test('a task that ended long ago is forgotten with its VM and its output, others are not', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const { task: old, vm, seq } = await rig.createReady();
  await rig.store(sample.setupDone(old), seq);
  await rig.store(sample.completed(old, { vm }), seq);
  const { task: live } = await rig.create();
  // Of a VM that another host had: what it says itself is forgotten with the task that it names, what that host says is not.
  const other = sample.sampleVm();
  await bus.announce(sample.vmGone(other, { task: live }, 'host-2'), never);
  await bus.announce(sample.vmGone(other, { task: old }), never);
  const { js } = bus.connection;
  await js.publish(logSubject(old, 1, 'stdout', 'host-1'), 'hi');
  await js.publish(logSubject(live, 1, 'stdout', 'host-1'), 'hi');
  {
    await using _before = rig.reap();
    await rig.goneOf(vm);
  }
  rig.reap({ retention });
  const kept = [`task.created.default.${live}.any`, vmGoneSubject('default', other, 'host-2')];
  const isPurged = async () => String((await left(bus, 'EVENTS')).sort()) === String(kept);
  await eventually(isPurged, { what: 'only what others say is left' });
  expect(await left(bus, 'LOGS')).toEqual([logSubject(live, 1, 'stdout', 'host-1')]);
});

/** A stage's task that has ended. */
async function storeStage(rig: Rig, pipeline: PipelineId): Promise<TaskId> {
  const { task, seq } = await rig.create({ stage: { pipeline, stage: 'first', index: 0, run: 1 } });
  await rig.store(sample.completed(task), seq);
  return task;
}

/** Returns once a reaper has forgotten all that it would forget at this moment. */
async function forgetOthers(rig: Rig): Promise<void> {
  const { task, seq } = await rig.create();
  await rig.store(sample.completed(task), seq);
  await isForgotten(rig.bus, task);
}

test("a pipeline and its tasks are kept until it has ended and its retention is over, by the reaper's own rights", async () => {
  await using rig = await startRig({ users: ['reaper'] });
  await using own = await rig.broker.connect({ user: 'reaper' });
  const { bus } = rig;
  const pipeline = sample.samplePipeline();
  const { seq } = await rig.store(sample.pipelineCreated(pipeline));
  const task = await storeStage(rig, pipeline);
  const advanced = await rig.store(sample.pipelineAdvanced(pipeline), seq);
  await using _reaper = rig.reap({ retention, bus: own.bus });
  await forgetOthers(rig);
  expect(await left(bus, 'EVENTS')).toEqual(
    expect.arrayContaining([`pipeline.created.${pipeline}`, `task.completed.default.${task}.host-1`]),
  );
  await rig.store(sample.pipelineCompleted(pipeline), advanced.seq);
  await isForgotten(bus, pipeline);
  await isForgotten(bus, task);
});

test('a pipeline that another one resumes is kept as long as that: its recorded results are asked for', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const [failed, resuming] = [sample.samplePipeline(), sample.samplePipeline()];
  const { seq } = await rig.store(sample.pipelineCreated(failed));
  const task = await storeStage(rig, failed);
  await rig.store(sample.pipelineCompleted(failed, { outcome: 'failed' }), seq);
  const resumed = { from: failed, expand: [], ended: [], skip: [] };
  const created = await rig.store(sample.pipelineCreated(resuming, { resumed }));
  // Reads the end of the first before the beginning of the second.
  rig.reap({ retention });
  await forgetOthers(rig);
  expect(await left(bus, 'EVENTS')).toEqual(
    expect.arrayContaining([`pipeline.completed.${failed}`, `task.completed.default.${task}.host-1`]),
  );
  await rig.store(sample.pipelineCompleted(resuming), created.seq);
  for (const id of [resuming, failed, task]) await isForgotten(bus, id);
});

test('what is said too late, or of tasks that never were, is forgotten when it is old, too', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const [task, never1] = [sample.sampleTask(), sample.sampleTask()];
  const created = await rig.store(sample.created(task), 0);
  await rig.store(sample.completed(task), created.seq);
  const live = await rig.create();
  const vm = sample.sampleVm();
  const { js } = bus.connection;
  await js.publish(`task.completed.default.${never1}.host-2`, 'no event');
  await js.publish(`task.completed.default.not-a-task.host-2`, 'no event');
  await js.publish(vmGoneSubject('default', sample.sampleVm(), 'host-2'), 'no event');
  rig.reap({ retention });
  await isForgotten(bus, task);
  await bus.announce(sample.vmGone(vm, { task }), never);
  await bus.announce(sample.vmGone(sample.sampleVm(), { task: null }), never);
  const isPurged = async () => String(await left(bus, 'EVENTS')) === `task.created.default.${live.task}.any`;
  await eventually(isPurged, { what: 'only the live task is left' });
});

/** A task that has been submitted and has ended. */
async function endedTask(rig: Rig): Promise<TaskId> {
  const { task, seq } = await rig.create();
  await rig.store(sample.completed(task), seq);
  return task;
}

const tasksIn = async (bus: Bus) => new Set((await left(bus, 'EVENTS')).map((subject) => subject.split('.')[3]));

test('beyond so many tasks the oldest that have ended are forgotten, and what lives stays', async () => {
  await using rig = await startRig({ users: ['reaper'] });
  await using own = await rig.broker.connect({ user: 'reaper' });
  const { bus } = rig;
  const { task: live } = await rig.create();
  const old = [await endedTask(rig), await endedTask(rig)];
  const newest = [await endedTask(rig), await endedTask(rig)];
  rig.reap({ maxTasks: 2, bus: own.bus });
  for (const task of old) await isForgotten(bus, task);
  expect(await tasksIn(bus)).toEqual(new Set([live, ...newest]));
  const more = await endedTask(rig);
  await isForgotten(bus, newest[0] as TaskId);
  expect(await tasksIn(bus)).toEqual(new Set([live, newest[1], more]));
});

test('what a host says of tasks that never were counts for no task', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const [old, kept] = [await endedTask(rig), await endedTask(rig)];
  for (let n = 0; n < 5; n++) {
    await bus.connection.js.publish(`task.completed.default.${sample.sampleTask()}.host-2`, 'no event');
  }
  rig.reap({ maxTasks: 1 });
  await isForgotten(bus, old);
  expect(await tasksIn(bus)).toContain(kept);
});

test('tasks of a pipeline that goes on are kept beyond that number, and keep nobody else', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const pipeline = sample.samplePipeline();
  await rig.store(sample.pipelineCreated(pipeline));
  const stages = [await storeStage(rig, pipeline), await storeStage(rig, pipeline)];
  const old = await endedTask(rig);
  const newest = await endedTask(rig);
  rig.reap({ maxTasks: 1 });
  await isForgotten(bus, old);
  expect(await tasksIn(bus)).toEqual(new Set([...stages, newest, undefined]));
});
