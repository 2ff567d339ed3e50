import { unseal } from '@vm-task/shared/bus/envelope';
import { eventPatterns } from '@vm-task/shared/subjects';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { eventsOf, headOf, inAnHour, leaveWarm, never, provision, statesOf, store } from '../test/provisioner.ts';

test('the VM of a completed task is removed before it is said to be gone', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _provisioner = provision(bus, hypervisor);
  const task = sample.sampleTask();
  await store(bus, sample.created(task));
  const ready = await headOf(bus, task, 'vm.ready');
  const { vm } = ready.data;
  const held = hypervisor.holdNext('end');
  await store(bus, sample.completed(task, { vm }), ready.seq);
  expect(await eventsOf(bus, 'vm.gone')).toEqual([]);
  held.letGo();
  const gone = await eventually(async () => (await eventsOf(bus, 'vm.gone'))[0], { what: 'it is said to be gone' });
  expect(gone.data).toMatchObject({ vm, task, host: 'host-1', pool: 'default' });
  await eventually(async () => (await statesOf(hypervisor)).length === 0, { what: 'nothing of it is left' });
});

test('a VM that cannot be removed at once is removed later', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _provisioner = provision(bus, hypervisor);
  const task = sample.sampleTask();
  await store(bus, sample.created(task));
  const ready = await headOf(bus, task, 'vm.ready');
  hypervisor.failNext('destroy', new Error('still there'));
  await store(bus, sample.completed(task, { vm: ready.data.vm }), ready.seq);
  await eventually(async () => (await statesOf(hypervisor)).length === 0, { what: 'the VM is gone' });
});

test('a removal that a crash cut short is finished and told of by the next provisioner', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const task = sample.sampleTask();
  const vm = await leaveWarm(hypervisor);
  await hypervisor.claim(vm, { task, attempt: 1, deadline: inAnHour() });
  await hypervisor.end(vm, 'its task succeeded');
  const { seq } = await store(bus, sample.created(task));
  await store(bus, sample.completed(task, { vm }), seq);
  await using _provisioner = provision(bus, hypervisor);
  await eventually(async () => (await statesOf(hypervisor)).length === 0, { what: 'nothing of it is left' });
  expect(await eventsOf(bus, 'vm.gone')).toMatchObject([{ data: { vm, task } }]);
});

test('a VM of another host is left alone', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const [here, there] = [createFakeHypervisor(), createFakeHypervisor()];
  const task = sample.sampleTask();
  await using _one = provision(bus, there, { host: 'host-2' });
  await store(bus, sample.created(task));
  const ready = await headOf(bus, task, 'vm.ready');
  await using _two = provision(bus, here, { host: 'host-1' });
  await store(bus, sample.completed(task, { vm: ready.data.vm }), ready.seq);
  const gone = await eventually(async () => (await eventsOf(bus, 'vm.gone'))[0], { what: 'it is said to be gone' });
  expect(gone.data.host).toBe('host-2');
});

test('20 tasks on a pool of 4 all run, and never more than 4 VMs', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  let most = 0;
  const counting: FakeHypervisor = {
    ...hypervisor,
    async create(...args) {
      const outcome = await hypervisor.create(...args);
      most = Math.max(most, (await hypervisor.list()).length);
      return outcome;
    },
  };
  await using _provisioner = provision(bus, counting, { warm: 1 });
  const left = new Set(Array.from({ length: 20 }, () => sample.sampleTask()));
  for (const task of left) await store(bus, sample.created(task));
  for await (const { message } of bus.follow({ filters: [eventPatterns['vm.ready']], from: 1, signal: never })) {
    const ready = unseal(message);
    if (ready.type !== 'vm.ready') continue;
    const { task, vm } = ready.data;
    await store(bus, sample.completed(task, { vm }), ready.seq);
    left.delete(task);
    if (left.size === 0) break;
  }
  expect(most).toBe(4);
  await eventually(async () => (await eventsOf(bus, 'vm.gone')).length === 20, { what: 'all VMs are gone' });
  const isQuiet = async () => JSON.stringify((await statesOf(hypervisor)).map(([, phase]) => phase)) === '["ready"]';
  await eventually(isQuiet, { what: 'one warm VM is all that is left' });
});
