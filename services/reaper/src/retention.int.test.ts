import type { Bus } from '@vm-task/shared/bus/bus';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { claimFor, reap, store } from '../test/reaper.ts';

const retention = '100ms';

async function left({ connection: { jsm } }: Bus, stream: 'EVENTS' | 'LOGS'): Promise<string[]> {
  const { state } = await jsm.streams.info(stream, { subjects_filter: '>' });
  return Object.keys(state.subjects ?? {}).filter((subject) => !subject.startsWith('alert.'));
}

async function isForgotten(bus: Bus, id: TaskId | PipelineId): Promise<void> {
  const isGone = async () => !(await left(bus, 'EVENTS')).some((subject) => subject.endsWith(id));
  await eventually(isGone, { what: `${id} is forgotten` });
}

test('a task that ended long ago is forgotten with its VM and its output, others are not', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const [old, live] = [sample.sampleTask(), sample.sampleTask()];
  const vm = await claimFor(hypervisor, old);
  const { seq } = await store(bus, sample.created(old));
  const ready = await store(bus, sample.vmReady(old, { vm }), seq);
  await store(bus, sample.setupDone(old), ready.seq);
  await store(bus, sample.completed(old, { vm }), ready.seq);
  await store(bus, sample.created(live));
  const { js } = bus.connection;
  await js.publish(`log.${old}.1.stdout`, 'hi');
  await js.publish(`log.${live}.1.stdout`, 'hi');
  await using _reaper = reap(bus, hypervisor, { retention });
  await eventually(async () => (await hypervisor.find(vm)) === null, { what: 'the VM is gone' });
  await eventually(async () => String(await left(bus, 'EVENTS')) === `task.created.default.${live}`, {
    what: 'only the live task is left',
  });
  expect(await left(bus, 'LOGS')).toEqual([`log.${live}.1.stdout`]);
});

/** A stage's task that has ended. */
async function storeStage(bus: Bus, pipeline: PipelineId): Promise<TaskId> {
  const task = sample.sampleTask();
  const stage = { pipeline, stage: 'first', index: 0, run: 1 };
  const { seq } = await store(bus, sample.created(task, { stage }));
  await store(bus, sample.completed(task), seq);
  return task;
}

/** Returns once a reaper has forgotten all that it would forget at this moment. */
async function forgetOthers(bus: Bus): Promise<void> {
  const other = sample.sampleTask();
  await store(bus, sample.completed(other), (await store(bus, sample.created(other))).seq);
  await isForgotten(bus, other);
}

test("a pipeline and its tasks are kept until it has ended and its retention is over, by the reaper's own rights", async () => {
  await using broker = await startBroker({ rightsOf: 'reaper' });
  await using own = await broker.connect({ user: 'reaper', pass: 'reaper' });
  const { bus } = broker;
  const pipeline = sample.samplePipeline();
  const { seq } = await store(bus, sample.pipelineCreated(pipeline));
  const task = await storeStage(bus, pipeline);
  const advanced = await store(bus, sample.pipelineAdvanced(pipeline), seq);
  await using _reaper = reap(own.bus, createFakeHypervisor(), { retention });
  await forgetOthers(bus);
  expect(await left(bus, 'EVENTS')).toEqual(
    expect.arrayContaining([`pipeline.created.${pipeline}`, `task.completed.default.${task}`]),
  );
  await store(bus, sample.pipelineCompleted(pipeline), advanced.seq);
  await isForgotten(bus, pipeline);
  await isForgotten(bus, task);
});

test('a pipeline that another one resumes is kept as long as that: its recorded results are asked for', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const [failed, resuming] = [sample.samplePipeline(), sample.samplePipeline()];
  const { seq } = await store(bus, sample.pipelineCreated(failed));
  const task = await storeStage(bus, failed);
  await store(bus, sample.pipelineCompleted(failed, { outcome: 'failed' }), seq);
  const resumed = { from: failed, expand: [], ended: [], skip: [] };
  const created = await store(bus, sample.pipelineCreated(resuming, { resumed }));
  // Reads the end of the first before the beginning of the second.
  await using _reaper = reap(bus, createFakeHypervisor(), { retention });
  await forgetOthers(bus);
  expect(await left(bus, 'EVENTS')).toEqual(
    expect.arrayContaining([`pipeline.completed.${failed}`, `task.completed.default.${task}`]),
  );
  await store(bus, sample.pipelineCompleted(resuming), created.seq);
  for (const id of [resuming, failed, task]) await isForgotten(bus, id);
});
