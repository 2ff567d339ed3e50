import { expect, test } from 'vitest';
import { Failures } from './failures.ts';

const throwing = async () => {
  throw new Error('the broker is away');
};

test('failures are counted for each message by itself, until it is decided on', () => {
  const failures = new Failures();
  expect([failures.add(1), failures.add(1), failures.add(2)]).toEqual([1, 2, 1]);
  failures.forget(1);
  expect([failures.add(1), failures.add(2)]).toEqual([1, 2]);
});

test('people are told from the fifth failure on, until that has succeeded once', async () => {
  const failures = new Failures();
  const told: number[] = [];
  for (let n = 1; n <= 4; n++) failures.add(1);
  await failures.report(1, async () => void told.push(4));
  failures.add(1);
  await expect(failures.report(1, throwing)).rejects.toThrow('the broker is away');
  failures.add(1);
  await failures.report(1, async () => void told.push(6));
  failures.add(1);
  await failures.report(1, async () => void told.push(7));
  expect(told).toEqual([6]);
});

test('what others have taken meanwhile is forgotten in the end', () => {
  const failures = new Failures();
  failures.add(0);
  for (let seq = 1; seq <= 10_000; seq++) failures.add(seq);
  expect([failures.add(0), failures.add(10_000)]).toEqual([1, 2]);
});
