import { expect, test } from 'vitest';
import { backOffMs } from './back-off.ts';

test('a wait doubles with each failure, up to its limit, however many there were', () => {
  const pauses = { firstMs: 250, longestMs: 1_500 };
  expect([0, 1, 2, 3, 4, 5, 5_000].map((failures) => backOffMs(pauses, failures))).toEqual([
    250, 250, 500, 1_000, 1_500, 1_500, 1_500,
  ]);
  expect(backOffMs({ firstMs: 10, longestMs: 5 }, 1)).toBe(5);
});
