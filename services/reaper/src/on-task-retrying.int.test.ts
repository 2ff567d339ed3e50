import type { Bus } from '@vm-task/shared/bus/bus';
import { type RawMessage, rawOf } from '@vm-task/shared/bus/envelope';
import { readRetryDue } from '@vm-task/shared/bus/retry-timer';
import { flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import { retryDueSubject, retryTimerSubject } from '@vm-task/shared/subjects';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { endOf, reap, store } from '../test/reaper.ts';

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

/** A task between two attempts; the sequence of its head. */
async function storeRetrying(bus: Bus, task: TaskId, waitMs: number, queueMs = 600_000): Promise<number> {
  const timeouts = { ...sample.sampleSpec.timeouts, queueMs };
  const { seq } = await store(bus, sample.created(task, { spec: { ...sample.sampleSpec, timeouts } }));
  return (await store(bus, sample.retrying(task, { notBefore: inMs(waitMs) }), seq)).seq;
}

const messageOn = async ({ connection }: Bus, subject: string): Promise<RawMessage | null> => {
  const message = await connection.jsm.streams.getMessage('TIMERS', { last_by_subj: subject });
  return message === null ? null : rawOf(message);
};

const dueOf = (bus: Bus, task: TaskId) =>
  eventually(() => messageOn(bus, retryDueSubject({ pool: 'default', task })), { what: 'the wait is over' });

test('a wait gets its timer at the broker, which ends it in time', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  await using _reaper = reap(bus, createFakeHypervisor());
  const task = sample.sampleTask();
  const seq = await storeRetrying(bus, task, 800);
  const due = await dueOf(bus, task);
  expect(readRetryDue(due)).toBe(seq);
  const head = await bus.head({ pool: 'default', task });
  const notBefore = head?.type === 'task.retrying' ? Date.parse(head.data.notBefore) : 0;
  expect(due.time.getTime()).toBeGreaterThanOrEqual(notBefore);
  expect(due.time.getTime()).toBeLessThan(notBefore + 5_000);
});

test('a wait of a task that has moved on gets no timer', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const [over, waiting] = [sample.sampleTask(), sample.sampleTask()];
  const seq = await storeRetrying(bus, over, 60_000);
  await store(bus, sample.completed(over), seq);
  await storeRetrying(bus, waiting, 60_000);
  await using _reaper = reap(bus, createFakeHypervisor());
  const timerOf = (task: TaskId) => messageOn(bus, retryTimerSubject({ pool: 'default', task }));
  await eventually(() => timerOf(waiting), { what: 'the timer of the one that waits' });
  expect(await timerOf(over)).toBeNull();
});

test('a wait whose timer was lost is ended by the sweep, once, and not before it is sure', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  // A reaper that never gets to set a timer.
  const forgetful: Bus = {
    ...bus,
    workEvents: (row, handle, options) =>
      row === flow.reaperOnTaskRetrying
        ? new Promise((resolve) => options.stop.addEventListener('abort', () => resolve()))
        : bus.workEvents(row, handle, options),
  };
  const [lost, perhaps] = [sample.sampleTask(), sample.sampleTask()];
  const seq = await storeRetrying(bus, lost, -11_000);
  await storeRetrying(bus, perhaps, 0);
  await using _reaper = reap(forgetful, createFakeHypervisor());
  const due = await dueOf(bus, lost);
  expect(readRetryDue(due)).toBe(seq);
  expect(await messageOn(bus, retryDueSubject({ pool: 'default', task: perhaps }))).toBeNull();
  await dueOf(bus, perhaps);
  expect((await dueOf(bus, lost)).seq).toBe(due.seq);
});

test('a task that is cancelled between two attempts is over at once', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const task = sample.sampleTask();
  const vm = sample.sampleVm();
  const { seq } = await store(bus, sample.created(task));
  const ready = await store(bus, sample.vmReady(task, { vm, host: 'host-2' }), seq);
  const retrying = await store(bus, sample.retrying(task, { vm, notBefore: inMs(60_000) }), ready.seq);
  await using _reaper = reap(bus, createFakeHypervisor());
  const cancelling = await store(bus, sample.cancelling(task, { attempt: 2 }), retrying.seq);
  const ended = await endOf(bus, task);
  expect(ended.data).toMatchObject({ outcome: 'cancelled', attempt: 2, vm: null, error: null });
  expect(ended.time.getTime() - cancelling.time.getTime()).toBeLessThan(5_000);
});

test('the next attempt waits for its VM as long as the first might, counted from the end of the pause', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const task = sample.sampleTask();
  await storeRetrying(bus, task, 500, 400);
  await using _reaper = reap(bus, createFakeHypervisor());
  const retrying = await bus.head({ pool: 'default', task });
  const ended = await endOf(bus, task);
  expect(ended.data).toMatchObject({ outcome: 'timed_out', attempt: 2, error: { code: 'timed-out-queue' } });
  const notBefore = retrying?.type === 'task.retrying' ? Date.parse(retrying.data.notBefore) : 0;
  expect(ended.time.getTime()).toBeGreaterThanOrEqual(notBefore + 400);
});
