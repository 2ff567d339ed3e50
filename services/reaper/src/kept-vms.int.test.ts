import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { PipelineId, TaskId, VmId } from '@vm-task/shared/ids';
import { eventually } from '@vm-task/testing/conditions';
import type { FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { never } from '@vm-task/testing/tasks-by-hand';
import { expect, test } from 'vitest';
import { type Rig, startRig } from '../test/reaper.ts';
import { audit, taskLog } from './audit.ts';

/** Longer than the reaper leaves a VM whose task is over: so many sweeps. */
const sweeps = 20;

interface Kept {
  readonly pipeline: PipelineId;
  readonly task: TaskId;
  readonly vm: VmId;
}

/** A first stage that has succeeded, and whose VM waits for the second one. */
async function keepVm({ hypervisor, store }: Rig): Promise<Kept> {
  const [pipeline, task] = [sample.samplePipeline(), sample.sampleTask()];
  const keep = { pipeline, stage: 'first' };
  await store(sample.pipelineCreated(pipeline, { spec: sample.sharedVmSpec }));
  const { size, egress } = sample.sampleSpec;
  const image = { name: 'python', version: '3.2.0' };
  const vmClass = { driver: 'qemu', pool: 'default', image, size, egress, allow: [] } as const;
  const deadline = deadlineFrom(3_600_000, 0);
  const made = await hypervisor.create(vmClass, { poolMax: 4, hostMax: 4 }, deadline, never);
  if (made.kind !== 'ready') throw new Error(made.kind);
  const vm = made.vm.id;
  await hypervisor.claim(vm, { task, attempt: 1, deadline, keep });
  const { seq } = await store(sample.created(task, { spec: { ...sample.sampleSpec, keep } }));
  const ready = await store(sample.vmReady(task, { vm }), seq);
  await store(sample.completed(task, { vm }), ready.seq);
  return { pipeline, task, vm };
}

/** Counts looks at the ledger: one for each sweep. */
function counting(hypervisor: FakeHypervisor): { readonly counted: FakeHypervisor; readonly looks: () => number } {
  let looks = 0;
  const list = () => {
    looks += 1;
    return hypervisor.list();
  };
  return { counted: { ...hypervisor, list }, looks: () => looks };
}

test('a VM that waits for the next stage is no leak while its pipeline runs, and goes with the pipeline', async () => {
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  const { pipeline, vm } = await keepVm(rig);
  const { counted, looks } = counting(hypervisor);
  rig.reap({ hypervisor: counted });
  await eventually(() => looks() > sweeps, { what: 'many sweeps' });
  expect(await hypervisor.find(vm)).toMatchObject({ phase: 'claimed' });
  expect((await audit(hypervisor, taskLog(bus, 'host-1'))).leaked).toEqual([]);
  const head = await bus.head({ pipeline });
  await rig.store(sample.pipelineCompleted(pipeline, { outcome: 'failed' }), head?.seq);
  await rig.goneOf(vm);
});

test('a VM that waits goes when the next stage is left out, or when its pipeline is cancelled', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const [skipped, cancelled] = [await keepVm(rig), await keepVm(rig)];
  const skip = [{ stage: 'second', reason: 'condition' as const, text: 'false is false' }];
  const first = await bus.head({ pipeline: skipped.pipeline });
  await rig.store(sample.pipelineAdvanced(skipped.pipeline, { skip }), first?.seq);
  const second = await bus.head({ pipeline: cancelled.pipeline });
  await rig.store(sample.pipelineCancelling(cancelled.pipeline), second?.seq);
  rig.reap();
  await rig.goneOf(skipped.vm);
  await rig.goneOf(cancelled.vm);
});

test('a VM that is left after its pipeline is reported by the audit', async () => {
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  const { pipeline, task, vm } = await keepVm(rig);
  const head = await bus.head({ pipeline });
  await rig.store(sample.pipelineCompleted(pipeline, { outcome: 'failed' }), head?.seq);
  const log = taskLog(bus, 'host-1');
  const inAMinute = { ...log, now: async () => new Date((await log.now()).getTime() + 60_000) };
  expect((await audit(hypervisor, log)).leaked).toEqual([]);
  expect((await audit(hypervisor, inAMinute)).leaked).toMatchObject([{ id: vm, task }]);
});
