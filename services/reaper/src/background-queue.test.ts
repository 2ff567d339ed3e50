import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import { unanswered } from '@vm-task/testing/unanswered';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BackgroundQueue } from './background-queue.ts';

const job = { id: 'vm-1', what: 'removing a VM' };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function makeQueue() {
  const stop = new AbortController();
  const alert = vi.fn(async () => undefined);
  return { stop, alert, background: new BackgroundQueue({ log: silentLogger, stop: stop.signal, alert }) };
}

/** Asks for the job at each look, so many times, and counts how often it was begun. */
async function begunIn(background: BackgroundQueue, error: Error, looks: number, pauseMs: number): Promise<number> {
  const action = vi.fn(async () => Promise.reject(error));
  for (let look = 0; look < looks; look += 1) {
    background.start(job, action);
    await background.ended();
    vi.advanceTimersByTime(pauseMs);
  }
  return action.mock.calls.length;
}

test('a background job that is under way is not begun again', async () => {
  const { background } = makeQueue();
  const action = vi.fn(async () => undefined);
  background.start(job, action);
  background.start(job, action);
  await background.ended();
  expect(action).toHaveBeenCalledTimes(1);
  background.start(job, action);
  await background.ended();
  expect(action).toHaveBeenCalledTimes(2);
});

test('a background job that goes on failing is tried with growing pauses, and alerted once', async () => {
  const { background, alert } = makeQueue();
  // Every second, for an hour.
  const begun = await begunIn(background, new Error('still there'), 3_600, 1_000);
  expect(begun).toBeGreaterThan(10);
  expect(begun).toBeLessThan(25);
  expect(alert).toHaveBeenCalledTimes(1);
  expect(alert).toHaveBeenCalledWith(job, 'still there');
});

test('what the host does not let go of is tried again after hours in the end', async () => {
  const { background, alert } = makeQueue();
  // Every ten seconds, for a day.
  const begun = await begunIn(background, new VmTaskError('vm-not-gone', 'in state D'), 8_640, 10_000);
  expect(begun).toBeGreaterThan(8);
  expect(begun).toBeLessThan(16);
  expect(alert).toHaveBeenCalledTimes(1);
});

test('a background job that the broker does not answer waits for it, is not alerted, and has no pause behind it', async () => {
  const { background, alert } = makeQueue();
  let isAway = true;
  const action = vi.fn(async () => {
    if (!isAway) return;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    throw unanswered();
  });
  background.start(job, action);
  await vi.advanceTimersByTimeAsync(3_600_000);
  const asked = action.mock.calls.length;
  expect(asked).toBeLessThanOrEqual(3_600 / 5);
  isAway = false;
  await vi.advanceTimersByTimeAsync(5_500);
  await background.ended();
  expect(action).toHaveBeenCalledTimes(asked + 1);
  expect(alert).not.toHaveBeenCalled();
  background.start(job, action);
  await background.ended();
  expect(action).toHaveBeenCalledTimes(asked + 2);
});

test('a background job that waits for the broker ends with the service', async () => {
  const { background, stop } = makeQueue();
  background.start(job, async () => Promise.reject(unanswered()));
  await vi.advanceTimersByTimeAsync(10_000);
  stop.abort();
  await background.ended();
});

test('a background job that hangs holds up no other', async () => {
  const { background } = makeQueue();
  const { promise, resolve } = Promise.withResolvers<void>();
  background.start(job, () => promise);
  const other = vi.fn(async () => undefined);
  background.start({ ...job, id: 'vm-2' }, other);
  await vi.waitFor(() => expect(other).toHaveBeenCalled());
  resolve();
  await background.ended();
});

test('a background job on something newer does not wait for the older one', async () => {
  const { background } = makeQueue();
  const { promise, resolve } = Promise.withResolvers<void>();
  background.start({ ...job, on: 'event 1' }, () => promise);
  const newer = vi.fn(async () => undefined);
  background.start({ ...job, on: 'event 2' }, newer);
  await vi.waitFor(() => expect(newer).toHaveBeenCalled());
  resolve();
  await background.ended();
});

test('nothing is begun once the service ends', async () => {
  const { background, stop } = makeQueue();
  stop.abort();
  const action = vi.fn(async () => undefined);
  background.start(job, action);
  await background.ended();
  expect(action).not.toHaveBeenCalled();
});
