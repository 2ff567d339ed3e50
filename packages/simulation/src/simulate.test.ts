import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

/** The same every time, so that a change is blamed for what it broke; `npm run simulate` takes any others. */
const from = 1;

test('in thousands of seeds no promise is broken, and everything that should happen sometimes has', {
  timeout: 600_000,
}, async () => {
  const lines: string[] = [];
  const passed = await simulate({ from, seeds: 2_000, workers: 2, isTold: false }, (line) => lines.push(line));
  expect(passed, lines.join('\n')).toBe(true);
});

test('the same seed is the same run, in every process', { timeout: 120_000 }, async () => {
  const runs = [0, 1].map(async () => {
    const lines: string[] = [];
    await simulate({ from: 7, seeds: 1, workers: 1, isTold: true }, (line) => lines.push(line));
    return lines.filter((line) => !line.startsWith('1 seeds'));
  });
  const [first, second] = await Promise.all(runs);
  expect(first?.length).toBeGreaterThan(100);
  expect(second).toEqual(first);
});
