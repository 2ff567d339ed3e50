import { runCrashPoints } from '@vm-task/crash-points/run';
import { expect, test } from 'vitest';

/** Always the same ten, so that a change is blamed for what it broke; `npm run crash-points -- --real` tries all. */
const seed = 1;

test('with real VMs, services killed at ten of their points keep every promise', async () => {
  const { points, passed, failed, seconds } = await runCrashPoints({
    isReal: true,
    only: null,
    sample: 10,
    seed,
    lanes: 2,
    isListing: false,
    stop: new AbortController().signal,
    tell: (progress) => progress.kind === 'tried' && console.log(progress.point.name, progress.trial.kind),
  });
  console.log(`${passed} of ${points.length} crash points passed with seed ${seed} in ${seconds} s`);
  expect(failed.map(({ point, problems }) => `${point}: ${problems.join('\n')}`)).toEqual([]);
  expect(points).toHaveLength(10);
});
