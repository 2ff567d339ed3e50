import type { Bus } from '@vm-task/bus/bus';
import { type RawMessage, rawOf } from '@vm-task/bus/envelope';
import { readRetryDue } from '@vm-task/bus/retry-timer';
import { flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import { retryDueSubject, retryTimerSubject } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { setBack } from '@vm-task/testing/wall-clock';
import { expect, test } from 'vitest';
import { type Rig, startRig } from '../test/reaper.ts';

/** How long an attempt may wait for its VM. Counted from the beginning of the pause, it would be over before that is. */
const queueMs = 1_200;
/** The reaper knows the broker's clock by a question and its answer, which takes its time on a busy machine. */
const clockErrorMs = 1_000;

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

/** A task between two attempts; `seq` is that of its head. */
async function createRetrying(rig: Rig, waitMs: number, mayWaitMs = 600_000): Promise<{ task: TaskId; seq: number }> {
  const timeouts = { ...sample.sampleSpec.timeouts, queueMs: mayWaitMs };
  const { task, seq } = await rig.create({ spec: { ...sample.sampleSpec, timeouts } });
  const retrying = await rig.store(sample.retrying(task, { notBefore: inMs(waitMs) }), seq);
  return { task, seq: retrying.seq };
}

const messageOn = async ({ connection }: Bus, subject: string): Promise<RawMessage | null> => {
  const message = await connection.jsm.streams.getMessage('TIMERS', { last_by_subj: subject });
  return message === null ? null : rawOf(message);
};

const dueOf = (bus: Bus, task: TaskId) =>
  eventually(() => messageOn(bus, retryDueSubject({ pool: 'default', task }, 'any')), { what: 'the wait is over' });

test('a wait gets its timer at the broker, which ends it, and not before its time', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  rig.reap();
  const { task, seq } = await createRetrying(rig, 800);
  const due = await dueOf(bus, task);
  expect(readRetryDue(due)).toEqual({ kind: 'due', retrying: seq });
  const head = await rig.head(task);
  const notBefore = head?.type === 'task.retrying' ? Date.parse(head.data.notBefore) : 0;
  expect(due.time.getTime()).toBeGreaterThanOrEqual(notBefore);
  // By the timer, and not by the sweep, which comes later and publishes itself.
  expect(due.headers?.get('Nats-Scheduler')).toBe(retryTimerSubject({ pool: 'default', task }, 'any'));
});

test('a wait of a task that has moved on gets no timer', async () => {
  // Nothing is fresh to a host whose clock is wrong.
  setBack(2_000);
  await using rig = await startRig();
  const { bus } = rig;
  const { task: over, seq } = await createRetrying(rig, 60_000);
  await rig.store(sample.completed(over), seq);
  const { task: waiting } = await createRetrying(rig, 60_000);
  rig.reap();
  const timerOf = (task: TaskId) => messageOn(bus, retryTimerSubject({ pool: 'default', task }, 'any'));
  await eventually(() => timerOf(waiting), { what: 'the timer of the one that waits' });
  expect(await timerOf(over)).toBeNull();
});

test('a wait whose timer was lost is ended by the sweep, once, and not before it is sure', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  // A reaper that never gets to set a timer.
  const forgetful: Bus = {
    ...bus,
    workEvents: (row, handle, options) =>
      row === flow.reaperOnTaskRetrying
        ? new Promise((resolve) => options.stop.addEventListener('abort', () => resolve()))
        : bus.workEvents(row, handle, options),
  };
  const { task: lost, seq } = await createRetrying(rig, -11_000);
  const { task: perhaps } = await createRetrying(rig, 0);
  rig.reap({ bus: forgetful });
  const due = await dueOf(bus, lost);
  expect(readRetryDue(due)).toEqual({ kind: 'due', retrying: seq });
  expect(await messageOn(bus, retryDueSubject({ pool: 'default', task: perhaps }, 'any'))).toBeNull();
  await dueOf(bus, perhaps);
  expect((await dueOf(bus, lost)).seq).toBe(due.seq);
});

test('a task that is cancelled between two attempts is over before its wait is', async () => {
  await using rig = await startRig();
  const vm = sample.sampleVm();
  const { task, seq } = await rig.create();
  const ready = await rig.store(sample.vmReady(task, { vm }, 'host-2'), seq);
  const retrying = await rig.store(sample.retrying(task, { vm, notBefore: inMs(60_000) }, 'host-2'), ready.seq);
  rig.reap({ patienceMs: 600_000 });
  const cancelling = await rig.store(sample.cancelling(task, { attempt: 2 }, 'any'), retrying.seq);
  const ended = await rig.endOf(task);
  expect(ended.data).toMatchObject({ outcome: 'cancelled', attempt: 2, vm: null, error: null });
  expect(ended.seq).toBe(cancelling.seq + 1);
  expect(await messageOn(rig.bus, retryDueSubject({ pool: 'default', task }, 'any'))).toBeNull();
});

test('the next attempt waits for its VM as long as the first might, counted from the end of the pause', async () => {
  await using rig = await startRig();
  const { task } = await createRetrying(rig, 1_500, queueMs);
  rig.reap();
  const retrying = await rig.head(task);
  const ended = await rig.endOf(task);
  expect(ended.data).toMatchObject({ outcome: 'timed_out', attempt: 2, error: { code: 'timed-out-queue' } });
  const notBefore = retrying?.type === 'task.retrying' ? Date.parse(retrying.data.notBefore) : 0;
  expect(ended.time.getTime()).toBeGreaterThanOrEqual(notBefore + queueMs - clockErrorMs);
});
