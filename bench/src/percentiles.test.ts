import { expect, test } from 'vitest';
import { median, summarize } from './percentiles.ts';

test('the median of an even count lies between the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('a summary sorts by size, not by text', () => {
  expect(summarize([10, 9, 100])).toEqual({
    count: 3,
    median: 10,
    p95: expect.closeTo(91),
    p99: expect.closeTo(98.2),
    min: 9,
    max: 100,
  });
});

test('nothing has no median', () => {
  expect(() => median([])).toThrow('nothing was measured');
});
