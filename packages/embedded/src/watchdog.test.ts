import { expect, test } from 'vitest';
import { countSilence, isBlocked, type Silence } from './watchdog.ts';

function after(steps: number, silence: Silence, isStopped = false): Silence {
  return steps === 0 ? silence : after(steps - 1, countSilence(silence, isStopped), isStopped);
}

test('a service that is not heard for twenty steps of half a second is blocked', () => {
  expect(isBlocked(after(19, 0))).toBe(false);
  expect(isBlocked(after(20, 0))).toBe(true);
});

test('a service that was not heard yet is starting, however long that takes', () => {
  expect(isBlocked(after(1_000, null))).toBe(false);
});

test('a service that somebody has stopped is not blocked, and is counted on when it goes on', () => {
  const stopped = after(1_000, after(10, 0), true);
  expect(isBlocked(stopped)).toBe(false);
  expect(isBlocked(after(10, stopped))).toBe(true);
});
