import { anyHost } from '@vm-task/shared/events';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor, fakeImage } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { onlyLeft, startRig } from '../test/provisioner.ts';

test('a task gets a new VM, claimed until after its last deadline', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.provision();
  const { task, time } = await rig.create();
  const { data } = await rig.headOf(task, 'vm.ready');
  const { runtimes } = fakeImage;
  expect(data).toMatchObject({ attempt: 1, host: 'host-1', image: 'python@3.2.0', runtimes, warm: false });
  const [state] = await hypervisor.list();
  expect(state).toMatchObject({ phase: 'claimed', record: { vm: data.vm }, claim: { task, attempt: 1 } });
  const endsAt = time.getTime() + sample.sampleSpec.timeouts.totalMs;
  expect(state?.phase === 'claimed' && Date.parse(state.claim.deadline.at)).toBeGreaterThan(endsAt);
});

test('a warm VM that a dead provisioner left is used, one of another class makes way', async () => {
  await using rig = await startRig();
  const left = await rig.leaveWarm();
  const other = await rig.leaveWarm({ egress: 'internet' });
  rig.provision({ max: 2 });
  const { task: first } = await rig.create();
  expect((await rig.headOf(first, 'vm.ready')).data).toMatchObject({ vm: left, warm: true });
  const { task: second } = await rig.create();
  const { vm } = (await rig.headOf(second, 'vm.ready')).data;
  expect(vm).not.toBe(other);
  expect(await rig.states()).toEqual([
    [left, 'claimed'],
    [vm, 'claimed'],
  ]);
});

test('a VM that was claimed before a crash is used by the redelivery', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const task = sample.sampleTask();
  const claimed = await rig.leaveClaimed(task);
  await rig.store(sample.created(task));
  rig.provision({ max: 2 });
  expect((await rig.headOf(task, 'vm.ready')).data.vm).toBe(claimed);
  expect(hypervisor.made).toEqual([claimed]);
});

test('a VM that was claimed before a crash is reported, although no message is pulled for want of capacity', async () => {
  await using rig = await startRig();
  const task = sample.sampleTask();
  const claimed = await rig.leaveClaimed(task);
  await rig.store(sample.created(task));
  rig.provision({ max: 1 });
  expect((await rig.headOf(task, 'vm.ready')).data.vm).toBe(claimed);
});

test('a VM that was claimed and has died is said to be gone, because the stream may name it yet', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const task = sample.sampleTask();
  const claimed = await rig.leaveClaimed(task);
  hypervisor.crash(claimed);
  await rig.store(sample.created(task));
  rig.provision({ max: 2 });
  expect((await rig.headOf(task, 'vm.ready')).data.vm).not.toBe(claimed);
  expect((await rig.eventsOf('vm.gone')).map(({ data }) => data.vm)).toEqual([claimed]);
});

test.each(['one host', 'two hosts'])('of two provisioners with the same task on %s, one VM survives', async (hosts) => {
  await using rig = await startRig();
  const second = hosts === 'one host' ? rig.hypervisor : createFakeHypervisor();
  rig.provision();
  rig.provision({ isRedelivered: true, hypervisor: second, host: hosts === 'one host' ? 'host-1' : 'host-2' });
  const tasks = Array.from({ length: 4 }, () => sample.sampleTask());
  for (const task of tasks) await rig.store(sample.created(task));
  const ready = await Promise.all(tasks.map((task) => rig.headOf(task, 'vm.ready')));
  const named = ready.map(({ data }) => data.vm);
  await onlyLeft(named, rig.hypervisor, second);
});

test('a task that is cancelled while its VM is being made leaves no VM, and holds up nobody', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  hypervisor.holdNext('create');
  rig.provision({ max: 1 });
  const { task: cancelled, seq } = await rig.create();
  await eventually(() => hypervisor.prepared.length === 1, { what: 'its VM is being made' });
  const { task: next } = await rig.create();
  await rig.store(sample.cancelling(cancelled, {}, anyHost), seq);
  const { vm } = (await rig.headOf(next, 'vm.ready')).data;
  expect(await rig.states()).toEqual([[vm, 'claimed']]);
});

test('a VM that is ready too late for its cancelled task is removed', async () => {
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  const held = hypervisor.holdNext('claim');
  rig.provision();
  const { task, seq } = await rig.create();
  await eventually(() => hypervisor.made.length === 1, { what: 'the VM is made' });
  await rig.store(sample.cancelling(task, {}, anyHost), seq);
  held.letGo();
  await eventually(async () => (await rig.states()).length === 0, { what: 'the VM is gone' });
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
  await using rig = await startRig();
  rig.provision();
  const { task } = await rig.create({ spec: { ...sample.sampleSpec, ...change } });
  const { data } = await rig.headOf(task, 'task.completed');
  expect(data).toMatchObject({ outcome: 'failed', vm: null, error: { code, message } });
});

test('a VM that cannot be made fails a task of one attempt with the reason', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  hypervisor.failNext('create', new Error('no space left on device'));
  rig.provision();
  const task = sample.sampleTask();
  const retry = { ...sample.sampleSpec.retry, maxAttempts: 1 };
  await rig.store(sample.created(task, { spec: { ...sample.sampleSpec, retry } }));
  const { data } = await rig.headOf(task, 'task.completed');
  const error = { code: 'vm-not-started', message: 'no VM could be made: no space left on device' };
  expect(data).toMatchObject({ outcome: 'failed', error });
});

test('a drain gives back the task whose VM is still being prepared', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  hypervisor.holdNext('prepare');
  const preparing: FakeHypervisor = {
    ...hypervisor,
    prepare(...args) {
      begin();
      return hypervisor.prepare(...args);
    },
  };
  const first = rig.provision({ hypervisor: preparing });
  const { task } = await rig.create();
  await begun;
  await first.drain();
  expect(await rig.states()).toEqual([]);
  rig.provision();
  await rig.headOf(task, 'vm.ready');
});
