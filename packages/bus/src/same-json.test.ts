import { expect, test } from 'vitest';
import { isSameJson } from './same-json.ts';

test('JSON says the same in whatever order its keys are, and lists have an order', () => {
  expect(isSameJson({ a: { b: 1, c: [1, 2] }, d: null }, { d: null, a: { c: [1, 2], b: 1 } })).toBe(true);
  expect(isSameJson({ a: undefined, b: 0 }, { b: -0 })).toBe(true);
  expect(isSameJson([1, 2], [2, 1])).toBe(false);
  expect(isSameJson({ a: 1 }, { a: '1' })).toBe(false);
});
