import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

test('the same seed is the same run, in every process', async () => {
  const runs = [0, 1].map(async () => {
    const lines: string[] = [];
    await simulate({ from: 7, seeds: 1, workers: 1, isTold: true }, (line) => lines.push(line));
    return lines.filter((line) => !line.startsWith('1 seeds'));
  });
  const [first, second] = await Promise.all(runs);
  expect(first?.length).toBeGreaterThan(100);
  expect(second).toEqual(first);
});
