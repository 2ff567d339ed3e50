import { expect, test } from 'vitest';
import { runCrashPoints } from './run.ts';

/** All of them take a quarter of an hour of two processors: `npm run crash-points`. */
const sample = 40;
/** Always the same, so that a change is blamed for what it broke. */
const seed = 1;
const limitMs = 15 * 60_000;

test('killed before and after their effects, the services keep every promise, and no effect is forgotten', {
  timeout: limitMs,
}, async () => {
  const { points, passed, failed, missed, unreached, seconds } = await runCrashPoints({
    isReal: false,
    only: null,
    sample,
    seed,
    lanes: 4,
    isListing: false,
    stop: new AbortController().signal,
    tell: () => undefined,
  });
  const counts = `${passed} of ${points.length} crash points passed with seed ${seed} in ${seconds} s`;
  process.stdout.write(`${counts}; not reached again: ${missed.length}\n`);
  expect(failed.map(({ point, problems }) => `${point}: ${problems.join('\n')}`)).toEqual([]);
  expect(unreached).toEqual([]);
  // The list is found, so it might become empty by itself.
  expect(points).toHaveLength(sample);
});
