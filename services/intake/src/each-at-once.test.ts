import { expect, test } from 'vitest';
import { eachAtOnce } from './each-at-once.ts';

const items = Array.from({ length: 20 }, (_, index) => index);

test('each item is acted on once, and never more than so many at once', async () => {
  const done: number[] = [];
  let [now, most] = [0, 0];
  await eachAtOnce(items, 4, async (item) => {
    now += 1;
    most = Math.max(most, now);
    await Promise.resolve();
    done.push(item);
    now -= 1;
  });
  expect([most, done.toSorted((a, b) => a - b)]).toEqual([4, items]);
  await eachAtOnce([], 4, () => Promise.reject(new Error('nothing to act on')));
});

test('after one has failed no other is begun', async () => {
  const begun: number[] = [];
  const acting = eachAtOnce(items, 2, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('no');
    await new Promise(setImmediate);
  });
  await expect(acting).rejects.toThrow('no');
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1]);
});
