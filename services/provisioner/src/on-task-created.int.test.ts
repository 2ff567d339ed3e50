import type { Bus } from '@vm-task/shared/bus/bus';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor, fakeImage } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { eventsOf, headOf, inAnHour, leaveWarm, provision, statesOf, store } from '../test/provisioner.ts';

test('a task gets a new VM, claimed until after its last deadline', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _provisioner = provision(bus, hypervisor);
  const task = sample.sampleTask();
  const created = await store(bus, sample.created(task));
  const { data } = await headOf(bus, task, 'vm.ready');
  const { runtimes } = fakeImage;
  expect(data).toMatchObject({ attempt: 1, host: 'host-1', image: 'python@3.2.0', runtimes, warm: false });
  const [state] = await hypervisor.list();
  expect(state).toMatchObject({ phase: 'claimed', record: { vm: data.vm }, claim: { task, attempt: 1 } });
  const endsAt = created.time.getTime() + sample.sampleSpec.timeouts.totalMs;
  expect(state?.phase === 'claimed' && Date.parse(state.claim.deadline.at)).toBeGreaterThan(endsAt);
});

test('a warm VM that a dead provisioner left is used, one of another class makes room', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const left = await leaveWarm(hypervisor);
  const other = await leaveWarm(hypervisor, { egress: 'internet' });
  await using _provisioner = provision(bus, hypervisor, { max: 2 });
  const [first, second] = [sample.sampleTask(), sample.sampleTask()];
  await store(bus, sample.created(first));
  expect((await headOf(bus, first, 'vm.ready')).data).toMatchObject({ vm: left, warm: true });
  await store(bus, sample.created(second));
  const { vm } = (await headOf(bus, second, 'vm.ready')).data;
  expect(vm).not.toBe(other);
  expect(await statesOf(hypervisor)).toEqual([
    [left, 'claimed'],
    [vm, 'claimed'],
  ]);
});

test('a VM that was claimed before a crash is used by the redelivery', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const task = sample.sampleTask();
  const claimed = await leaveWarm(hypervisor);
  await hypervisor.claim(claimed, { task, attempt: 1, deadline: inAnHour() });
  await store(bus, sample.created(task));
  await using _provisioner = provision(bus, hypervisor, { max: 2 });
  expect((await headOf(bus, task, 'vm.ready')).data.vm).toBe(claimed);
  expect(hypervisor.made).toEqual([claimed]);
});

test('a VM that was claimed before a crash is told of, although no message is pulled for want of room', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const task = sample.sampleTask();
  const claimed = await leaveWarm(hypervisor);
  await hypervisor.claim(claimed, { task, attempt: 1, deadline: inAnHour() });
  await store(bus, sample.created(task));
  await using _provisioner = provision(bus, hypervisor, { max: 1 });
  expect((await headOf(bus, task, 'vm.ready')).data.vm).toBe(claimed);
});

test('a VM that was claimed and has died is said to be gone, because the stream may name it yet', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const task = sample.sampleTask();
  const claimed = await leaveWarm(hypervisor);
  await hypervisor.claim(claimed, { task, attempt: 1, deadline: inAnHour() });
  hypervisor.crash(claimed);
  await store(bus, sample.created(task));
  await using _provisioner = provision(bus, hypervisor, { max: 2 });
  expect((await headOf(bus, task, 'vm.ready')).data.vm).not.toBe(claimed);
  expect((await eventsOf(bus, 'vm.gone')).map(({ data }) => data.vm)).toEqual([claimed]);
});

test.each(['one host', 'two hosts'])('of two provisioners with the same task on %s, one VM survives', async (hosts) => {
  await using broker = await startBroker();
  const { bus } = broker;
  const first = createFakeHypervisor();
  const second = hosts === 'one host' ? first : createFakeHypervisor();
  // A durable of its own hands the second one every message too, as a redelivery does.
  const again: Bus = {
    ...bus,
    workEvents: (row, handle, options) =>
      bus.workEvents({ ...row, consumer: `again-${row.consumer}` }, handle, options),
  };
  await using _one = provision(bus, first);
  await using _two = provision(again, second, { host: 'host-2' });
  const tasks = Array.from({ length: 4 }, () => sample.sampleTask());
  for (const task of tasks) await store(bus, sample.created(task));
  const ready = await Promise.all(tasks.map((task) => headOf(bus, task, 'vm.ready')));
  const named = ready.map(({ data }) => data.vm).sort();
  await eventually(
    async () => {
      const states = [...(await statesOf(first)), ...(await statesOf(second))];
      const left = [...new Set(states.map(([vm]) => vm))].sort();
      return JSON.stringify(left) === JSON.stringify(named);
    },
    { what: 'the VMs are those that the stream names' },
  );
});

test('a task that is cancelled while its VM is being made leaves no VM, and holds up nobody', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  hypervisor.holdNext('create');
  await using _provisioner = provision(bus, hypervisor, { max: 1 });
  const [cancelled, next] = [sample.sampleTask(), sample.sampleTask()];
  const { seq } = await store(bus, sample.created(cancelled));
  await eventually(() => hypervisor.prepared.length === 1, { what: 'its VM is being made' });
  await store(bus, sample.created(next));
  await store(bus, sample.cancelling(cancelled), seq);
  const { vm } = (await headOf(bus, next, 'vm.ready')).data;
  expect(await statesOf(hypervisor)).toEqual([[vm, 'claimed']]);
});

test('a VM that is ready too late for its cancelled task is removed', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const held = hypervisor.holdNext('claim');
  await using _provisioner = provision(bus, hypervisor);
  const task = sample.sampleTask();
  const { seq } = await store(bus, sample.created(task));
  await eventually(() => hypervisor.made.length === 1, { what: 'the VM is made' });
  await store(bus, sample.cancelling(task), seq);
  held.letGo();
  await eventually(async () => (await statesOf(hypervisor)).length === 0, { what: 'the VM is gone' });
  expect((await bus.head({ pool: 'default', task }))?.type).toBe('task.cancelling');
});

test.each([
  ['an unknown image', { image: 'pyhton' }, 'image-not-found', 'there is no image "pyhton"; known are python'],
  [
    'an unknown runtime',
    { main: { kind: 'script', runtime: 'ruby', script: 'p 1' } },
    'runtime-not-found',
    'image python@3.2.0 has no runtime "ruby"; it has python, shell',
  ],
] as const)('%s fails the task with a sentence', async (_, change, code, message) => {
  await using broker = await startBroker();
  const { bus } = broker;
  await using _provisioner = provision(bus, createFakeHypervisor());
  const task = sample.sampleTask();
  await store(bus, sample.created(task, { spec: { ...sample.sampleSpec, ...change } }));
  const { data } = await headOf(bus, task, 'task.completed');
  expect(data).toMatchObject({ outcome: 'failed', vm: null, error: { code, message } });
});

test('a VM that cannot be made fails a task of one attempt with the reason', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  hypervisor.failNext('create', new Error('no space left on device'));
  await using _provisioner = provision(bus, hypervisor);
  const task = sample.sampleTask();
  const retry = { ...sample.sampleSpec.retry, maxAttempts: 1 };
  await store(bus, sample.created(task, { spec: { ...sample.sampleSpec, retry } }));
  const { data } = await headOf(bus, task, 'task.completed');
  const error = { code: 'vm-not-started', message: 'no VM could be made: no space left on device' };
  expect(data).toMatchObject({ outcome: 'failed', error });
});

test('a drain gives back the task whose VM is still being prepared', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  hypervisor.holdNext('prepare');
  const preparing: FakeHypervisor = {
    ...hypervisor,
    prepare(...args) {
      begin();
      return hypervisor.prepare(...args);
    },
  };
  await using first = provision(bus, preparing);
  const task = sample.sampleTask();
  await store(bus, sample.created(task));
  await begun;
  await first.drain();
  expect(await statesOf(hypervisor)).toEqual([]);
  await using _second = provision(bus, hypervisor);
  await headOf(bus, task, 'vm.ready');
});
