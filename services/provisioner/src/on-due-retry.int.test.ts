import { wakeRetry } from '@vm-task/bus/retry-timer';
import { anyHost, type Draft, type Stored } from '@vm-task/shared/events';
import { consumerFor, flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import type { RetryPolicy } from '@vm-task/shared/retry-policy';
import { retryDueSubject } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { setBackByAnHour } from '@vm-task/testing/wall-clock';
import { expect, test } from 'vitest';
import { onlyLeft, type Rig, startRig } from '../test/provisioner.ts';

const policy: RetryPolicy = { maxAttempts: 3, backoffMs: 10, on: ['vm'] };
const spec = (changes: Partial<RetryPolicy> = {}) => ({ ...sample.sampleSpec, retry: { ...policy, ...changes } });

/** A task whose attempts so far have failed; the last one with `last`. */
async function storeRetrying(rig: Rig, task: TaskId, last: Draft<'task.retrying'>): Promise<Stored> {
  const { seq } = await rig.store(sample.created(task, { spec: spec() }));
  return rig.store(last, seq);
}

/** The reaper's part: the wait is over. */
async function wake(rig: Rig, task: TaskId): Promise<Stored<'task.retrying'>> {
  const retrying = await rig.headOf(task, 'task.retrying');
  await wakeRetry(rig.bus.connection, { pool: 'default', task }, anyHost, retrying.seq);
  return retrying;
}

const dueRetries = ({ bus }: Rig) =>
  bus.connection.jsm.consumers.info('TIMERS', consumerFor(flow.provisionerOnDueRetry, { pool: 'default' }).name);

async function dueIsSettled(rig: Rig): Promise<boolean> {
  const info = await dueRetries(rig);
  return info.num_pending + info.num_ack_pending === 0 && info.delivered.consumer_seq > 0;
}

/** One is in flight at some provisioner, which waits for capacity. */
async function dueIsHeld(rig: Rig): Promise<boolean> {
  return (await dueRetries(rig)).num_ack_pending === 1;
}

test('a VM that cannot be made is tried again later, and the next attempt gets a fresh one', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  hypervisor.failNext('create', new Error('no space left on device'));
  rig.provision();
  const { task } = await rig.create({ spec: spec() });
  const retrying = await wake(rig, task);
  const error = { code: 'vm-not-started', message: 'no VM could be made: no space left on device' };
  expect(retrying.data).toMatchObject({ attempt: 1, next: 2, vm: null, phase: 'vm', error });
  const ready = await rig.headOf(task, 'vm.ready');
  expect(ready.data).toMatchObject({ attempt: 2 });
  expect(await hypervisor.find(ready.data.vm)).toMatchObject({ phase: 'claimed', claim: { task, attempt: 2 } });
});

test('the last attempt that the policy allows ends the task with its own reason', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  for (const n of [1, 2, 3]) hypervisor.failNext('create', new Error(`failure ${n}`));
  rig.provision();
  const { task } = await rig.create({ spec: spec() });
  const first = await wake(rig, task);
  await eventually(async () => (await rig.headOf(task, 'task.retrying')).seq !== first.seq, { what: 'the second' });
  await wake(rig, task);
  const { data } = await rig.headOf(task, 'task.completed');
  expect(data).toMatchObject({ attempt: 3, outcome: 'failed', vm: null, error: { code: 'vm-not-started' } });
  expect(data.error?.message).toContain('failure 3');
});

test('what stays wrong is never tried again', async () => {
  await using rig = await startRig();
  rig.provision();
  const { task } = await rig.create({ spec: { ...spec({ maxAttempts: 9 }), image: 'pyhton' } });
  expect((await rig.headOf(task, 'task.completed')).data).toMatchObject({
    attempt: 1,
    error: { code: 'image-not-found' },
  });
});

test('the VM of a failed attempt is removed, and the next attempt never gets it', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const task = sample.sampleTask();
  const first = await rig.leaveClaimed(task);
  await storeRetrying(rig, task, sample.retrying(task, { vm: first }));
  const held = hypervisor.holdNext('destroy');
  rig.provision({ max: 2 });
  await wake(rig, task);
  const ready = await rig.headOf(task, 'vm.ready');
  expect(ready.data.vm).not.toBe(first);
  held.letGo();
  await eventually(async () => (await hypervisor.find(first)) === null, { what: 'the first VM is gone' });
  const [gone] = await rig.eventsOf('vm.gone');
  expect(gone?.data).toMatchObject({ vm: first, task, reason: 'attempt 1 of its task failed' });
});

test('of two provisioners on one due retry, on two hosts, one VM survives', async () => {
  await using rig = await startRig();
  const second = createFakeHypervisor();
  rig.provision();
  rig.provision({ isRedelivered: true, hypervisor: second, host: 'host-2' });
  const tasks = Array.from({ length: 4 }, () => sample.sampleTask());
  for (const task of tasks) await storeRetrying(rig, task, sample.retrying(task));
  await Promise.all(tasks.map((task) => wake(rig, task)));
  const ready = await Promise.all(tasks.map((task) => rig.headOf(task, 'vm.ready')));
  const named = ready.map(({ data }) => data.vm);
  await onlyLeft(named, rig.hypervisor, second);
});

test('a wait that was cancelled, or that is not the last one, is over without a VM', async () => {
  // Nothing is fresh to a host whose clock is wrong.
  setBackByAnHour();
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  const [cancelled, later] = [sample.sampleTask(), sample.sampleTask()];
  const { seq } = await storeRetrying(rig, cancelled, sample.retrying(cancelled));
  const early = await storeRetrying(rig, later, sample.retrying(later));
  const head = await rig.store(sample.retrying(later, { attempt: 2, next: 3 }), early.seq);
  await wakeRetry(bus.connection, { pool: 'default', task: cancelled }, anyHost, seq);
  await wakeRetry(bus.connection, { pool: 'default', task: later }, anyHost, early.seq);
  await rig.store(sample.cancelling(cancelled, { attempt: 2 }, anyHost), seq);
  rig.provision();
  await eventually(() => dueIsSettled(rig).catch(() => false), { what: 'both are handled' });
  expect(hypervisor.made).toEqual([]);
  expect((await bus.head({ pool: 'default', task: later }))?.seq).toBe(head.seq);
});

test('a due retry waits for capacity in a full pool, also when a provisioner dies meanwhile', async () => {
  await using rig = await startRig();
  const busy = await rig.leaveClaimed(sample.sampleTask());
  const task = sample.sampleTask();
  await storeRetrying(rig, task, sample.retrying(task));
  await wake(rig, task);
  {
    await using _first = rig.provision({ max: 1 });
    await eventually(() => dueIsHeld(rig).catch(() => false), { what: 'the retry waits for capacity' });
  }
  await rig.hypervisor.destroy(busy, 'its task is over');
  rig.provision({ max: 1 });
  expect((await rig.headOf(task, 'vm.ready')).data.attempt).toBe(2);
});

test('a due retry that a full host took goes to a host with capacity', async () => {
  await using rig = await startRig();
  await rig.leaveClaimed(sample.sampleTask());
  const task = sample.sampleTask();
  await storeRetrying(rig, task, sample.retrying(task));
  await wake(rig, task);
  rig.provision({ max: 1 });
  await eventually(() => dueIsHeld(rig).catch(() => false), { what: 'the full host has it' });
  rig.provision({ hypervisor: createFakeHypervisor(), host: 'host-2' });
  expect((await rig.headOf(task, 'vm.ready')).data).toMatchObject({ host: 'host-2', attempt: 2 });
});

test('a timer that nobody can read is reported, and ends nothing: the task waits for the next one', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  rig.provision();
  const task = sample.sampleTask();
  const retrying = await storeRetrying(rig, task, sample.retrying(task));
  await bus.connection.js.publish(retryDueSubject({ pool: 'default', task }, anyHost), 'no timer');
  await eventually(async () => (await rig.eventsOf('alert.raised')).length > 0, { what: 'people are told' });
  const [alert] = await rig.eventsOf('alert.raised');
  expect(alert).toMatchObject({ host: 'host-1', data: { kind: 'dead-letter', id: 'due-pool-default' } });
  expect((await bus.head({ pool: 'default', task }))?.seq).toBe(retrying.seq);
  await bus.connection.js.publish(
    retryDueSubject({ pool: 'default', task }, anyHost),
    JSON.stringify({ v: 1, retrying: retrying.seq }),
  );
  expect((await rig.headOf(task, 'vm.ready')).data.attempt).toBe(2);
});

test('a retry of a task that must run on one host is due there and nowhere else', async () => {
  await using rig = await startRig();
  const task = sample.sampleTask();
  const { seq } = await rig.store({ ...sample.created(task, { spec: spec() }), host: 'host-2' });
  const retrying = await rig.store(sample.retrying(task, {}, 'host-2'), seq);
  rig.provision();
  const there = createFakeHypervisor();
  rig.provision({ hypervisor: there, host: 'host-2' });
  await wakeRetry(rig.bus.connection, { pool: 'default', task }, 'host-2', retrying.seq);
  expect((await rig.headOf(task, 'vm.ready')).data).toMatchObject({ host: 'host-2', attempt: 2 });
  expect(rig.hypervisor.made).toEqual([]);
});

test('a VM that was claimed for a later attempt before a crash is reported, although no timer comes due', async () => {
  await using rig = await startRig();
  const task = sample.sampleTask();
  const claimed = await rig.leaveClaimed(task, 2);
  await storeRetrying(rig, task, sample.retrying(task, { vm: null }));
  rig.provision({ max: 1 });
  expect((await rig.headOf(task, 'vm.ready')).data).toMatchObject({ attempt: 2, vm: claimed });
});
