/** A short storm in each test run; `npm run chaos` makes long ones. */
import { reportLines } from '@vm-task/chaos/report';
import { runChaos } from '@vm-task/chaos/run-chaos';
import { expect, it } from 'vitest';

/** The same each time, so that a change is blamed for what it broke. */
const seed = 1;

it(`in a storm of half a minute (seed ${seed}) every promise is kept`, async () => {
  const lines: string[] = [];
  const tell = (line: string) => void lines.push(line);
  const report = await runChaos({ seed, minutes: 0.5, tell, signal: new AbortController().signal });
  expect(report.broken, [...lines, ...reportLines(report)].join('\n')).toEqual([]);
  expect(report.terminal).toBeGreaterThan(0);
});
