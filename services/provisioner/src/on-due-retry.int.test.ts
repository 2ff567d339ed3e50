import type { Bus } from '@vm-task/shared/bus/bus';
import { wakeRetry } from '@vm-task/shared/bus/retry-timer';
import type { Draft, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import type { RetryPolicy } from '@vm-task/shared/retry-policy';
import { retryDueSubject } from '@vm-task/shared/subjects';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { eventsOf, headOf, inAnHour, leaveWarm, provision, statesOf, store } from '../test/provisioner.ts';

const policy: RetryPolicy = { maxAttempts: 3, backoffMs: 10, on: ['vm'] };
const spec = (changes: Partial<RetryPolicy> = {}) => ({ ...sample.sampleSpec, retry: { ...policy, ...changes } });

/** A task whose attempts so far have failed; the last one with `last`. */
async function storeRetrying(bus: Bus, task: TaskId, last: Draft<'task.retrying'>): Promise<Stored> {
  const { seq } = await store(bus, sample.created(task, { spec: spec() }));
  return store(bus, last, seq);
}

/** The reaper's part: the wait is over. */
async function wake(bus: Bus, task: TaskId): Promise<Stored<'task.retrying'>> {
  const retrying = await headOf(bus, task, 'task.retrying');
  await wakeRetry(bus.connection, { pool: 'default', task }, retrying.seq);
  return retrying;
}

async function dueIsSettled(bus: Bus): Promise<boolean> {
  const info = await bus.connection.jsm.consumers.info('TIMERS', 'provisioner-due-retry-default');
  return info.num_pending + info.num_ack_pending === 0 && info.delivered.consumer_seq > 0;
}

test('a VM that cannot be made is tried again later, and the next attempt gets a fresh one', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  hypervisor.failNext('create', new Error('no space left on device'));
  await using _provisioner = provision(bus, hypervisor);
  const task = sample.sampleTask();
  await store(bus, sample.created(task, { spec: spec() }));
  const retrying = await wake(bus, task);
  const error = { code: 'vm-not-started', message: 'no VM could be made: no space left on device' };
  expect(retrying.data).toMatchObject({ attempt: 1, next: 2, vm: null, phase: 'vm', error });
  const ready = await headOf(bus, task, 'vm.ready');
  expect(ready.data).toMatchObject({ attempt: 2 });
  expect(await hypervisor.find(ready.data.vm)).toMatchObject({ phase: 'claimed', claim: { task, attempt: 2 } });
});

test('the last attempt that the policy allows ends the task with its own reason', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  for (const n of [1, 2, 3]) hypervisor.failNext('create', new Error(`failure ${n}`));
  await using _provisioner = provision(bus, hypervisor);
  const task = sample.sampleTask();
  await store(bus, sample.created(task, { spec: spec() }));
  const first = await wake(bus, task);
  await eventually(async () => (await headOf(bus, task, 'task.retrying')).seq !== first.seq, { what: 'the second' });
  await wake(bus, task);
  const { data } = await headOf(bus, task, 'task.completed');
  expect(data).toMatchObject({ attempt: 3, outcome: 'failed', vm: null, error: { code: 'vm-not-started' } });
  expect(data.error?.message).toContain('failure 3');
});

test('what stays wrong is never tried again', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  await using _provisioner = provision(bus, createFakeHypervisor());
  const task = sample.sampleTask();
  await store(bus, sample.created(task, { spec: { ...spec({ maxAttempts: 9 }), image: 'pyhton' } }));
  expect((await headOf(bus, task, 'task.completed')).data).toMatchObject({
    attempt: 1,
    error: { code: 'image-not-found' },
  });
});

test('the VM of a failed attempt is removed, and the next attempt never gets it', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const task = sample.sampleTask();
  const first = await leaveWarm(hypervisor);
  await hypervisor.claim(first, { task, attempt: 1, deadline: inAnHour() });
  await storeRetrying(bus, task, sample.retrying(task, { vm: first }));
  const held = hypervisor.holdNext('destroy');
  await using _provisioner = provision(bus, hypervisor, { max: 2 });
  await wake(bus, task);
  const ready = await headOf(bus, task, 'vm.ready');
  expect(ready.data.vm).not.toBe(first);
  held.letGo();
  await eventually(async () => (await hypervisor.find(first)) === null, { what: 'the first VM is gone' });
  const [gone] = await eventsOf(bus, 'vm.gone');
  expect(gone?.data).toMatchObject({ vm: first, task, reason: 'attempt 1 of its task failed' });
});

test('of two provisioners on one due retry, on two hosts, one VM survives', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const [first, second] = [createFakeHypervisor(), createFakeHypervisor()];
  // A durable of its own hands the second one every message too, as a redelivery does.
  const again: Bus = {
    ...bus,
    workEvents: (row, handle, options) =>
      bus.workEvents({ ...row, consumer: `again-${row.consumer}` }, handle, options),
    workMessages: (row, handle, options) =>
      bus.workMessages({ ...row, consumer: `again-${row.consumer}` }, handle, options),
  };
  await using _one = provision(bus, first);
  await using _two = provision(again, second, { host: 'host-2' });
  const tasks = Array.from({ length: 4 }, () => sample.sampleTask());
  for (const task of tasks) await storeRetrying(bus, task, sample.retrying(task));
  await Promise.all(tasks.map((task) => wake(bus, task)));
  const ready = await Promise.all(tasks.map((task) => headOf(bus, task, 'vm.ready')));
  const named = ready.map(({ data }) => data.vm).sort();
  await eventually(
    async () => {
      const states = [...(await statesOf(first)), ...(await statesOf(second))];
      return JSON.stringify(states.map(([vm]) => vm).sort()) === JSON.stringify(named);
    },
    { what: 'the VMs are those that the stream names' },
  );
});

test('a wait that was cancelled, or that is not the last one, is over without a VM', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const [cancelled, later] = [sample.sampleTask(), sample.sampleTask()];
  const { seq } = await storeRetrying(bus, cancelled, sample.retrying(cancelled));
  const early = await storeRetrying(bus, later, sample.retrying(later));
  const head = await store(bus, sample.retrying(later, { attempt: 2, next: 3 }), early.seq);
  await wakeRetry(bus.connection, { pool: 'default', task: cancelled }, seq);
  await wakeRetry(bus.connection, { pool: 'default', task: later }, early.seq);
  await store(bus, sample.cancelling(cancelled, { attempt: 2 }), seq);
  await using _provisioner = provision(bus, hypervisor);
  await eventually(() => dueIsSettled(bus).catch(() => false), { what: 'both are handled' });
  expect(hypervisor.made).toEqual([]);
  expect((await bus.head({ pool: 'default', task: later }))?.seq).toBe(head.seq);
});

test('a due retry waits for room in a full pool, also when a provisioner dies meanwhile', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const other = sample.sampleTask();
  const busy = await leaveWarm(hypervisor);
  await hypervisor.claim(busy, { task: other, attempt: 1, deadline: inAnHour() });
  const task = sample.sampleTask();
  await storeRetrying(bus, task, sample.retrying(task));
  await wake(bus, task);
  {
    await using _first = provision(bus, hypervisor, { max: 1 });
    await eventually(
      async () => {
        const info = await bus.connection.jsm.consumers.info('TIMERS', 'provisioner-due-retry-default');
        return info.num_ack_pending === 1;
      },
      { what: 'the retry waits for room' },
    );
  }
  await hypervisor.destroy(busy, 'its task is over');
  await using _second = provision(bus, hypervisor, { max: 1 });
  expect((await headOf(bus, task, 'vm.ready')).data.attempt).toBe(2);
});

test('a due retry that a full host took goes to a host with room', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const [full, free] = [createFakeHypervisor(), createFakeHypervisor()];
  const busy = await leaveWarm(full);
  await full.claim(busy, { task: sample.sampleTask(), attempt: 1, deadline: inAnHour() });
  const task = sample.sampleTask();
  await storeRetrying(bus, task, sample.retrying(task));
  await wake(bus, task);
  await using _full = provision(bus, full, { max: 1 });
  await eventually(
    async () => {
      const info = await bus.connection.jsm.consumers.info('TIMERS', 'provisioner-due-retry-default');
      return info.num_ack_pending === 1;
    },
    { what: 'the full host has it' },
  );
  await using _free = provision(bus, free, { host: 'host-2' });
  expect((await headOf(bus, task, 'vm.ready')).data).toMatchObject({ host: 'host-2', attempt: 2 });
});

test('a timer that nobody can read ends its task, which waits for it', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  await using _provisioner = provision(bus, createFakeHypervisor());
  const task = sample.sampleTask();
  await storeRetrying(bus, task, sample.retrying(task));
  await bus.connection.js.publish(retryDueSubject({ pool: 'default', task }), 'no timer');
  const { data } = await headOf(bus, task, 'task.completed');
  expect(data).toMatchObject({ attempt: 2, vm: null, outcome: 'failed', error: { code: 'unreadable-event' } });
});

test('a VM that was claimed for a later attempt before a crash is told of, although no timer comes due', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const task = sample.sampleTask();
  const claimed = await leaveWarm(hypervisor);
  await hypervisor.claim(claimed, { task, attempt: 2, deadline: inAnHour() });
  await storeRetrying(bus, task, sample.retrying(task, { vm: null }));
  await using _provisioner = provision(bus, hypervisor, { max: 1 });
  expect((await headOf(bus, task, 'vm.ready')).data).toMatchObject({ attempt: 2, vm: claimed });
});
