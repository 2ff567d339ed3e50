import { eventPatterns } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { storedIn } from '@vm-task/testing/stored';
import { never } from '@vm-task/testing/tasks-by-hand';
import { expect, test } from 'vitest';
import { startRig } from '../test/provisioner.ts';

test('the VM of a completed task is removed before it is said to be gone', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.provision();
  const { task } = await rig.create();
  const ready = await rig.headOf(task, 'vm.ready');
  const { vm } = ready.data;
  const held = hypervisor.holdNext('end');
  await rig.store(sample.completed(task, { vm }), ready.seq);
  expect(await rig.eventsOf('vm.gone')).toEqual([]);
  held.letGo();
  const gone = await eventually(async () => (await rig.eventsOf('vm.gone'))[0], { what: 'it is said to be gone' });
  expect(gone.data).toMatchObject({ vm, task, host: 'host-1', pool: 'default' });
  await eventually(async () => (await rig.states()).length === 0, { what: 'nothing of it is left' });
});

test('a VM that cannot be removed at once is removed later', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.provision();
  const { task } = await rig.create();
  const ready = await rig.headOf(task, 'vm.ready');
  hypervisor.failNext('destroy', new Error('still there'));
  await rig.store(sample.completed(task, { vm: ready.data.vm }), ready.seq);
  await eventually(async () => (await rig.states()).length === 0, { what: 'the VM is gone' });
});

test('a removal that a crash cut short is finished and reported by the next provisioner', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const task = sample.sampleTask();
  const vm = await rig.leaveClaimed(task);
  await hypervisor.end(vm, 'its task succeeded');
  const { seq } = await rig.store(sample.created(task));
  await rig.store(sample.completed(task, { vm }), seq);
  rig.provision();
  await eventually(async () => (await rig.states()).length === 0, { what: 'nothing of it is left' });
  expect(await rig.eventsOf('vm.gone')).toMatchObject([{ data: { vm, task } }]);
});

test('a VM of another host is left alone', async () => {
  await using rig = await startRig();
  rig.provision({ host: 'host-2' });
  const { task } = await rig.create();
  const ready = await rig.headOf(task, 'vm.ready');
  rig.provision({ hypervisor: createFakeHypervisor(), host: 'host-1' });
  await rig.store(sample.completed(task, { vm: ready.data.vm }, ready.host), ready.seq);
  const gone = await eventually(async () => (await rig.eventsOf('vm.gone'))[0], { what: 'it is said to be gone' });
  expect(gone.data.host).toBe('host-2');
});

test('20 tasks on a pool of 4 all run, and never more than 4 VMs', async () => {
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  let most = 0;
  const counting: FakeHypervisor = {
    ...hypervisor,
    async create(...args) {
      const outcome = await hypervisor.create(...args);
      most = Math.max(most, (await hypervisor.list()).length);
      return outcome;
    },
  };
  rig.provision({ hypervisor: counting, warm: 1 });
  const left = new Set(Array.from({ length: 20 }, () => sample.sampleTask()));
  for (const task of left) await rig.store(sample.created(task));
  for await (const { message } of bus.follow({ filter: eventPatterns['vm.ready'], from: 1, signal: never })) {
    const ready = storedIn(message);
    if (ready.type !== 'vm.ready') continue;
    const { task, vm } = ready.data;
    await rig.store(sample.completed(task, { vm }), ready.seq);
    left.delete(task);
    if (left.size === 0) break;
  }
  expect(most).toBe(4);
  await eventually(async () => (await rig.eventsOf('vm.gone')).length === 20, { what: 'all VMs are gone' });
  const isQuiet = async () => JSON.stringify((await rig.states()).map(([, phase]) => phase)) === '["ready"]';
  await eventually(isQuiet, { what: 'one warm VM is all that is left' });
});
