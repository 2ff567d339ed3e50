import { silentLogger } from '@vm-task/service/log';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openBatch } from './batch.ts';
import type { Step } from './projection.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const applied: number[][] = [];
  let broken = false;
  const projection = {
    position: 0,
    advance(steps: readonly Step[]) {
      if (broken) throw new Error('the disk is full');
      applied.push(steps.map(({ seq }) => seq));
    },
  };
  const breakIt = (now: boolean) => {
    broken = now;
  };
  const step = (seq: number): Step => ({ seq, event: null });
  return { applied, breakIt, step, batch: openBatch(projection, silentLogger) };
}

test('a message that comes alone is applied at once, those close behind it together', () => {
  const { applied, step, batch } = setUp();
  for (const seq of [1, 2, 3]) batch.add(step(seq), 10);
  expect(applied).toEqual([[1]]);
  vi.advanceTimersByTime(10);
  expect(applied).toEqual([[1], [2, 3]]);
  batch.add(step(4), 10);
  expect(applied).toEqual([[1], [2, 3]]);
  vi.advanceTimersByTime(20);
  expect(applied).toEqual([[1], [2, 3], [4]]);
  batch.add(step(5), 10);
  expect(applied.at(-1)).toEqual([5]);
});

test('a batch is bounded in messages and in bytes (I13)', () => {
  const { applied, step, batch } = setUp();
  for (const n of Array(502).keys()) batch.add(step(n), 10);
  expect(applied.map(({ length }) => length)).toEqual([1, 500]);
  batch.add(step(502), 16 * 1024 * 1024);
  expect(applied.map(({ length }) => length)).toEqual([1, 500, 2]);
});

test('a disk that is full is waited out, and nothing is taken in meanwhile', async () => {
  const { applied, breakIt, step, batch } = setUp();
  const { signal } = new AbortController();
  breakIt(true);
  batch.add(step(1), 16 * 1024 * 1024);
  const room = batch.room(signal);
  breakIt(false);
  await vi.advanceTimersByTimeAsync(2_000);
  await room;
  expect(applied).toEqual([[1]]);
});
