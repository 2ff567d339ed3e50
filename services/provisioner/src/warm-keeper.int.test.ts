import { eventually } from '@vm-task/testing/conditions';
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
