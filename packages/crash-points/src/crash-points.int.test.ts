import { expect, test } from 'vitest';
import { labelOf } from './point.ts';
import { runCrashPoints } from './run.ts';

const limitMs = 15 * 60_000;

test('killed before and after each of their effects, the services keep every promise', {
  timeout: limitMs,
}, async () => {
  const report = await runCrashPoints({
    isReal: false,
    only: null,
    sample: null,
    seed: 0,
    lanes: 6,
    isListing: false,
    stop: new AbortController().signal,
    tell: () => undefined,
  });
  const { points, passed, failed, missed, untried, unreached, seconds } = report;
  process.stdout.write(
    `${points.length} crash points, ${passed} passed in ${seconds} s; not reached again: ${missed.join(', ')}\n`,
  );
  expect(failed.map(({ point, problems }) => `${point}: ${problems.join('\n')}`)).toEqual([]);
  expect({ untried, unreached }).toEqual({ untried: [], unreached: [] });
  // The list is found, so it may become empty by itself.
  const services = new Set(points.map((point) => labelOf(point).split(' ')[0]));
  expect([...services].toSorted()).toEqual(['intake', 'provisioner', 'reaper', 'runner']);
});
