import { wakeRetry } from '@vm-task/shared/bus/retry-timer';
import { permissionsOf } from '@vm-task/shared/permissions';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { test } from 'vitest';
import { eventsOf, headOf, provision, store } from '../test/provisioner.ts';

test('the rights of its own user are enough for all that the provisioner does', async () => {
  const users = [
    { user: 'test', password: 'test' },
    { user: 'provisioner', password: 'own', permissions: permissionsOf('provisioner') },
  ];
  await using broker = await startBroker({ config: `authorization: ${JSON.stringify({ users })}` });
  await using own = await broker.connect({ user: 'provisioner', pass: 'own' });
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _provisioner = provision(own.bus, hypervisor);
  const [task, hopeless] = [sample.sampleTask(), sample.sampleTask()];
  await store(bus, sample.created(task));
  const ready = await headOf(bus, task, 'vm.ready');
  await store(bus, sample.completed(task, { vm: ready.data.vm }), ready.seq);
  await eventually(async () => (await eventsOf(bus, 'vm.gone')).length === 1, { what: 'the VM is gone' });
  await store(bus, sample.created(hopeless, { spec: { ...sample.sampleSpec, image: 'nothing' } }));
  await headOf(bus, hopeless, 'task.completed');
  const again = sample.sampleTask();
  hypervisor.failNext('create', new Error('no space'));
  await store(bus, sample.created(again));
  const retrying = await headOf(bus, again, 'task.retrying');
  await wakeRetry(bus.connection, retrying.data, retrying.seq);
  const second = await headOf(bus, again, 'vm.ready');
  await store(bus, sample.retrying(again, { attempt: 2, next: 3, vm: second.data.vm }), second.seq);
  await eventually(async () => (await eventsOf(bus, 'vm.gone')).length === 2, { what: 'the next VM is gone' });
});
