import { permissionsOf } from '@vm-task/shared/permissions';
import { retryDueSubject } from '@vm-task/shared/subjects';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { endOf, goneOf, reap, store, storeReady } from '../test/reaper.ts';

test('the rights of its own user are enough for all that the reaper does', async () => {
  const users = [
    { user: 'test', password: 'test' },
    { user: 'reaper', password: 'own', permissions: permissionsOf('reaper') },
  ];
  await using broker = await startBroker({ config: `authorization: ${JSON.stringify({ users })}` });
  await using own = await broker.connect({ user: 'reaper', pass: 'own' });
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  hypervisor.addStray({ kind: 'process', pid: 4242, startTicks: 1, vm: sample.sampleVm() });
  const [late, cancelled, retried] = [sample.sampleTask(), sample.sampleTask(), sample.sampleTask()];
  const timeouts = { ...sample.sampleSpec.timeouts, setupMs: 300 };
  const spec = { ...sample.sampleSpec, timeouts };
  await using _reaper = reap(own.bus, hypervisor, { retention: '5s' });
  const { vm } = await storeReady(bus, hypervisor, late, sample.created(late, { spec }));
  const { seq } = await store(bus, sample.created(cancelled));
  await store(bus, sample.cancelling(cancelled), seq);
  await store(bus, sample.retrying(retried), (await store(bus, sample.created(retried))).seq);
  expect((await endOf(bus, late)).data.outcome).toBe('timed_out');
  expect((await endOf(bus, cancelled)).data.outcome).toBe('cancelled');
  await goneOf(bus, hypervisor, vm);
  await eventually(async () => (await hypervisor.strays()).length === 0, { what: 'the stray is gone' });
  const { streams } = bus.connection.jsm;
  const due = retryDueSubject({ pool: 'default', task: retried });
  await eventually(() => streams.getMessage('TIMERS', { last_by_subj: due }), { what: 'the timer has fired' });
  await own.connection.js.publish(due, '{}');
  const isForgotten = async () => (await bus.head({ pool: 'default', task: late })) === null;
  await eventually(isForgotten, { what: 'the task is forgotten' });
});
