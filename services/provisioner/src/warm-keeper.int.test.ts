import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type Rig, startRig } from '../test/provisioner.ts';

const phasesAre = (rig: Rig, ...phases: string[]) =>
  eventually(async () => String((await rig.states()).map(([, phase]) => phase)) === String(phases), {
    what: `the VMs are ${phases}`,
  });

test('a warm VM goes to the first task that fits, and another takes its place', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.provision({ warm: 1 });
  await phasesAre(rig, 'ready');
  const { task } = await rig.create();
  const { data } = await rig.headOf(task, 'vm.ready');
  expect(data).toMatchObject({ vm: hypervisor.made[0], warm: true });
  await phasesAre(rig, 'claimed', 'ready');
});

test('a dead warm VM is replaced, and never handed out', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const dead = await rig.leaveWarm();
  hypervisor.crash(dead);
  rig.provision({ max: 2, warm: 1 });
  const { task } = await rig.create();
  expect((await rig.headOf(task, 'vm.ready')).data.vm).not.toBe(dead);
  await phasesAre(rig, 'claimed', 'ready');
});

test('a warm VM whose making goes on failing is alerted once, and made when it can be', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  for (let time = 0; time < 3; time += 1) hypervisor.failNext('create', new Error('no memory'));
  rig.provision({ warm: 1 });
  await phasesAre(rig, 'ready');
  const alerts = await rig.eventsOf('alert.raised');
  expect(alerts).toMatchObject([{ data: { kind: 'no-warm-vm', id: 'default' } }]);
  expect(alerts[0]?.data.text).toContain('no memory');
});

test('a drain takes back the VM that is being made, and leaves the warm ones to the next provisioner', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const first = rig.provision({ warm: 2 });
  await phasesAre(rig, 'ready', 'ready');
  hypervisor.holdNext('create');
  const prepared = hypervisor.prepared.length;
  const { task } = await rig.create();
  await rig.headOf(task, 'vm.ready');
  await eventually(() => hypervisor.prepared.length > prepared, { what: 'another VM is being made' });
  await first.drain();
  await phasesAre(rig, 'claimed', 'ready');
  rig.provision({ warm: 2 });
  await phasesAre(rig, 'claimed', 'ready', 'ready');
});

/** What a task says of a stage that waits for nothing but its end. */
const expectedVm = {
  pipeline: sample.samplePipeline(),
  stage: 'second',
  pool: 'default',
  image: 'python',
  size: sample.sampleSpec.size,
  egress: 'none',
} as const;

test('the VM of a stage is ready before its task is there, in a pool that keeps none warm', async () => {
  await using rig = await startRig();
  const { made } = rig.hypervisor;
  rig.provision({ warm: 0 });
  // Two stages that the next one needs may tell of it: it is one VM all the same.
  const expects = [expectedVm, { ...expectedVm }];
  const first = await rig.create({ spec: { ...sample.sampleSpec, expects } });
  const ready = await rig.headOf(first.task, 'vm.ready');
  await phasesAre(rig, 'claimed', 'ready');
  await rig.store(sample.completed(first.task, { vm: ready.data.vm }), ready.seq);
  await phasesAre(rig, 'ready');
  const second = await rig.create();
  expect((await rig.headOf(second.task, 'vm.ready')).data).toMatchObject({ vm: made[1], warm: true });
  expect(made).toHaveLength(2);
});

test('a VM for a stage takes no room from a task, and one that cannot be made keeps nobody from working', async () => {
  await using rig = await startRig();
  rig.provision({ max: 2, warm: 0 });
  const expects = [
    { ...expectedVm, stage: 'hopeless', image: 'unheard-of' },
    { ...expectedVm, egress: 'internet' as const },
  ];
  const first = await rig.create({ spec: { ...sample.sampleSpec, expects } });
  const ready = await rig.headOf(first.task, 'vm.ready');
  await phasesAre(rig, 'claimed', 'ready');
  const other = await rig.create();
  await rig.headOf(other.task, 'vm.ready');
  await phasesAre(rig, 'claimed', 'claimed');
  await rig.store(sample.completed(first.task, { vm: ready.data.vm }), ready.seq);
  const third = await rig.create();
  await rig.headOf(third.task, 'vm.ready');
});
