import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { eventsOf, headOf, leaveWarm, provision, statesOf, store } from '../test/provisioner.ts';

const phasesAre = (hypervisor: FakeHypervisor, ...phases: string[]) =>
  eventually(async () => String((await statesOf(hypervisor)).map(([, phase]) => phase)) === String(phases), {
    what: `the VMs are ${phases}`,
  });

test('a warm VM goes to the first task that fits, and another takes its place', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _provisioner = provision(bus, hypervisor, { warm: 1 });
  await phasesAre(hypervisor, 'ready');
  const task = sample.sampleTask();
  await store(bus, sample.created(task));
  const { data } = await headOf(bus, task, 'vm.ready');
  expect(data).toMatchObject({ vm: hypervisor.made[0], warm: true });
  await phasesAre(hypervisor, 'claimed', 'ready');
});

test('a dead warm VM is replaced, and never handed out', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const dead = await leaveWarm(hypervisor);
  hypervisor.crash(dead);
  await using _provisioner = provision(bus, hypervisor, { max: 2, warm: 1 });
  const task = sample.sampleTask();
  await store(bus, sample.created(task));
  expect((await headOf(bus, task, 'vm.ready')).data.vm).not.toBe(dead);
  await phasesAre(hypervisor, 'claimed', 'ready');
});

test('a warm VM whose making goes on failing is alerted once, and made when it can be', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  for (let time = 0; time < 3; time += 1) hypervisor.failNext('create', new Error('no memory'));
  await using _provisioner = provision(bus, hypervisor, { warm: 1 });
  await phasesAre(hypervisor, 'ready');
  const alerts = await eventsOf(bus, 'alert.raised');
  expect(alerts).toMatchObject([{ data: { kind: 'no-warm-vm', id: 'default' } }]);
  expect(alerts[0]?.data.text).toContain('no memory');
});

test('a drain takes back the VM that is being made, and leaves the warm ones to the next provisioner', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const first = provision(bus, hypervisor, { warm: 2 });
  await phasesAre(hypervisor, 'ready', 'ready');
  const task = sample.sampleTask();
  hypervisor.holdNext('create');
  const prepared = hypervisor.prepared.length;
  await store(bus, sample.created(task));
  await headOf(bus, task, 'vm.ready');
  await eventually(() => hypervisor.prepared.length > prepared, { what: 'another VM is being made' });
  await first.drain();
  await phasesAre(hypervisor, 'claimed', 'ready');
  await using _second = provision(bus, hypervisor, { warm: 2 });
  await phasesAre(hypervisor, 'claimed', 'ready', 'ready');
});
