import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Chores } from './chores.ts';

const unanswered = new Error('no answer');
vi.mock(import('@vm-task/bus/answers'), () => ({ isUnanswered: (error) => error === unanswered }));

const chore = { id: 'vm-1', what: 'removing a VM' };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function makeChores() {
  const stop = new AbortController();
  const alert = vi.fn(async () => undefined);
  return { stop, alert, chores: new Chores({ log: silentLogger, stop: stop.signal, alert }) };
}

test('a chore that is under way is not begun again', async () => {
  const { chores } = makeChores();
  const action = vi.fn(async () => undefined);
  chores.start(chore, action);
  chores.start(chore, action);
  await chores.ended();
  expect(action).toHaveBeenCalledTimes(1);
  chores.start(chore, action);
  await chores.ended();
  expect(action).toHaveBeenCalledTimes(2);
});

test('a chore that goes on failing is tried with growing pauses, and alerted once', async () => {
  const { chores, alert } = makeChores();
  const action = vi.fn(async () => Promise.reject(new Error('still there')));
  // Asked for every second, for an hour.
  for (let second = 0; second < 3_600; second += 1) {
    chores.start(chore, action);
    await chores.ended();
    vi.advanceTimersByTime(1_000);
  }
  expect(action.mock.calls.length).toBeGreaterThan(10);
  expect(action.mock.calls.length).toBeLessThan(25);
  expect(alert).toHaveBeenCalledTimes(1);
  expect(alert).toHaveBeenCalledWith(chore, 'still there');
});

test('what the host does not let go of is tried again after hours in the end', async () => {
  const { chores, alert } = makeChores();
  const action = vi.fn(async () => Promise.reject(new VmTaskError('vm-not-gone', 'in state D')));
  // Asked for every ten seconds, for a day.
  for (let look = 0; look < 8_640; look += 1) {
    chores.start(chore, action);
    await chores.ended();
    vi.advanceTimersByTime(10_000);
  }
  expect(action.mock.calls.length).toBeGreaterThan(8);
  expect(action.mock.calls.length).toBeLessThan(16);
  expect(alert).toHaveBeenCalledTimes(1);
});

test('a chore that the broker does not answer waits for it, is not alerted, and has no pause behind it', async () => {
  const { chores, alert } = makeChores();
  let isAway = true;
  const action = vi.fn(async () => {
    if (!isAway) return;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    throw unanswered;
  });
  chores.start(chore, action);
  await vi.advanceTimersByTimeAsync(3_600_000);
  const asked = action.mock.calls.length;
  expect(asked).toBeLessThanOrEqual(3_600 / 5);
  isAway = false;
  await vi.advanceTimersByTimeAsync(5_500);
  await chores.ended();
  expect(action).toHaveBeenCalledTimes(asked + 1);
  expect(alert).not.toHaveBeenCalled();
  chores.start(chore, action);
  await chores.ended();
  expect(action).toHaveBeenCalledTimes(asked + 2);
});

test('a chore that waits for the broker ends with the service', async () => {
  const { chores, stop } = makeChores();
  chores.start(chore, async () => Promise.reject(unanswered));
  await vi.advanceTimersByTimeAsync(10_000);
  stop.abort();
  await chores.ended();
});

test('a chore that hangs holds up no other', async () => {
  const { chores } = makeChores();
  const { promise, resolve } = Promise.withResolvers<void>();
  chores.start(chore, () => promise);
  const other = vi.fn(async () => undefined);
  chores.start({ ...chore, id: 'vm-2' }, other);
  await vi.waitFor(() => expect(other).toHaveBeenCalled());
  resolve();
  await chores.ended();
});

test('a chore on something newer does not wait for the older one', async () => {
  const { chores } = makeChores();
  const { promise, resolve } = Promise.withResolvers<void>();
  chores.start({ ...chore, on: 'event 1' }, () => promise);
  const newer = vi.fn(async () => undefined);
  chores.start({ ...chore, on: 'event 2' }, newer);
  await vi.waitFor(() => expect(newer).toHaveBeenCalled());
  resolve();
  await chores.ended();
});

test('nothing is begun once the service ends', async () => {
  const { chores, stop } = makeChores();
  stop.abort();
  const action = vi.fn(async () => undefined);
  chores.start(chore, action);
  await chores.ended();
  expect(action).not.toHaveBeenCalled();
});
