import { wakeRetry } from '@vm-task/bus/retry-timer';
import { anyHost } from '@vm-task/shared/events';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { test } from 'vitest';
import { startRig } from '../test/provisioner.ts';

test('the rights of its own user are enough for all that the provisioner does', async () => {
  await using rig = await startRig({ users: ['provisioner'] });
  await using own = await rig.broker.connect({ user: 'provisioner' });
  // Given up before its connection is closed.
  await using _provisioner = rig.provision({ bus: own.bus });
  const { task } = await rig.create();
  const ready = await rig.headOf(task, 'vm.ready');
  await rig.store(sample.completed(task, { vm: ready.data.vm }), ready.seq);
  await eventually(async () => (await rig.eventsOf('vm.gone')).length === 1, { what: 'the VM is gone' });
  const { task: failing } = await rig.create({ spec: { ...sample.sampleSpec, image: 'nothing' } });
  await rig.headOf(failing, 'task.completed');
  rig.hypervisor.failNext('create', new Error('no space'));
  const { task: again } = await rig.create();
  const retrying = await rig.headOf(again, 'task.retrying');
  await wakeRetry(rig.bus.connection, retrying.data, anyHost, retrying.seq);
  const second = await rig.headOf(again, 'vm.ready');
  await rig.store(sample.retrying(again, { attempt: 2, next: 3, vm: second.data.vm }), second.seq);
  await eventually(async () => (await rig.eventsOf('vm.gone')).length === 2, { what: 'the next VM is gone' });
});
