import type { Stored } from '@vm-task/shared/events';
import type { PipelineId, TaskId, VmId } from '@vm-task/shared/ids';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type Rig, startRig } from '../test/provisioner.ts';

/** What intake has stored when the second stage of a pipeline begins in the VM of the first. */
class TwoStages {
  readonly pipeline: PipelineId = sample.samplePipeline();
  readonly first: TaskId = sample.sampleTask();
  readonly second: TaskId = sample.sampleTask();
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** The first stage has its VM. */
  async begin(): Promise<Stored<'vm.ready'>> {
    await this.#rig.store(sample.pipelineCreated(this.pipeline, { spec: sample.sharedVmSpec }));
    await this.create(this.first, { keep: { pipeline: this.pipeline, stage: 'first' } });
    return this.#rig.headOf(this.first, 'vm.ready');
  }

  async end(ready: Stored<'vm.ready'>): Promise<void> {
    const { task, vm } = ready.data;
    await this.#rig.store(sample.completed(task, { vm }, ready.host), ready.seq);
  }

  /** The second stage is decided upon, and its task is there. */
  async goOn(vm: VmId, host = 'host-1'): Promise<void> {
    const leftVm = { vm, host, task: this.first, stage: 'first' };
    const spec = { ...sample.sampleSpec, leftVm, retry: { ...sample.sampleSpec.retry, maxAttempts: 1 } };
    const run = { stage: 'second', index: 0, run: 1, task: this.second, pool: 'default', spec };
    const head = await this.#rig.bus.head({ pipeline: this.pipeline });
    await this.#rig.store(sample.pipelineAdvanced(this.pipeline, { start: [run] }), head?.seq);
    await this.create(this.second, { leftVm, retry: spec.retry });
  }

  async create(task: TaskId, changes: Partial<TaskSpec>): Promise<void> {
    await this.#rig.store(sample.created(task, { spec: { ...sample.sampleSpec, ...changes } }));
  }
}

test('a VM that is kept goes to the stage that comes next, and is removed when that has ended', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.provision();
  const stages = new TwoStages(rig);
  const ready = await stages.begin();
  const { vm } = ready.data;
  await stages.end(ready);
  await stages.goOn(vm);
  const next = await rig.headOf(stages.second, 'vm.ready');
  expect(next.data).toMatchObject({ vm, access: ready.data.access, warm: true });
  expect(await rig.eventsOf('vm.gone')).toEqual([]);
  await stages.end(next);
  const gone = await eventually(async () => (await rig.eventsOf('vm.gone'))[0], { what: 'it is said to be gone' });
  expect(gone.data).toMatchObject({ vm, task: stages.second });
  expect(hypervisor.made).toEqual([vm]);
});

test('the only VM of a full pool is handed on, although another task waits for one', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  rig.provision({ max: 1 });
  const stages = new TwoStages(rig);
  const ready = await stages.begin();
  const waiting = sample.sampleTask();
  await rig.store(sample.created(waiting));
  await stages.end(ready);
  await stages.goOn(ready.data.vm);
  const next = await rig.headOf(stages.second, 'vm.ready');
  expect(next.data.vm).toBe(ready.data.vm);
  expect((await bus.head({ pool: 'default', task: waiting }))?.type).toBe('task.created');
  await stages.end(next);
  expect((await rig.headOf(waiting, 'vm.ready')).data.vm).not.toBe(ready.data.vm);
});

test('a provisioner that died after it had claimed the VM for the next stage is replaced', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const stages = new TwoStages(rig);
  let ready: Stored<'vm.ready'>;
  {
    await using _first = rig.provision();
    ready = await stages.begin();
  }
  const { vm } = ready.data;
  const { deadline } = (await hypervisor.find(vm))?.record ?? {};
  if (deadline === undefined) throw new Error('no VM');
  expect(await hypervisor.claimNext(vm, stages.first, { task: stages.second, attempt: 1, deadline })).toBe(true);
  // Its end comes to be handled only now, and is no longer a reason to remove the VM.
  await stages.end(ready);
  await stages.goOn(vm);
  await using _second = rig.provision();
  expect((await rig.headOf(stages.second, 'vm.ready')).data.vm).toBe(vm);
  expect(await rig.states()).toEqual([[vm, 'claimed']]);
});

test.each([
  ['has died', 'its process has ended'],
  ['is gone', 'nothing of it is left'],
] as const)('a stage whose VM %s fails, with the reason, and gets no other', async (what, reason) => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.provision();
  const stages = new TwoStages(rig);
  const ready = await stages.begin();
  const { vm } = ready.data;
  await stages.end(ready);
  if (what === 'has died') hypervisor.crash(vm);
  else await hypervisor.destroy(vm, 'by hand');
  await stages.goOn(vm);
  const { data } = await rig.headOf(stages.second, 'task.completed');
  expect(data).toMatchObject({ outcome: 'failed', attempt: 1, error: { code: 'left-vm-gone' } });
  expect(data.error?.message).toContain(`${vm}, which the stage "first" left, cannot be had: ${reason}`);
  expect(hypervisor.made).toEqual([vm]);
});

test('a VM is not kept when its task has failed', async () => {
  await using rig = await startRig();
  rig.provision();
  const ready = await new TwoStages(rig).begin();
  const { task, vm } = ready.data;
  await rig.store(sample.completed(task, { vm, outcome: 'failed', exitCode: 1 }), ready.seq);
  await eventually(async () => (await rig.states()).length === 0, { what: 'nothing of it is left' });
});

test('a stage waits for the provisioner of the host that has its VM', async () => {
  await using rig = await startRig();
  const [here, there] = [createFakeHypervisor(), createFakeHypervisor()];
  const stages = new TwoStages(rig);
  let ready: Stored<'vm.ready'>;
  {
    await using _there = rig.provision({ hypervisor: there, host: 'host-2' });
    ready = await stages.begin();
  }
  await stages.end(ready);
  await using _here = rig.provision({ hypervisor: here, host: 'host-1' });
  await stages.goOn(ready.data.vm, 'host-2');
  await using _again = rig.provision({ hypervisor: there, host: 'host-2' });
  expect((await rig.headOf(stages.second, 'vm.ready')).data).toMatchObject({ vm: ready.data.vm, host: 'host-2' });
  expect(here.made).toEqual([]);
});
