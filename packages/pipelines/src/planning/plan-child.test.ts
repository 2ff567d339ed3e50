import { parseConfig } from '@vm-task/service/config';
import { describe, expect, test } from 'vitest';
import { boundByTime, planChild } from './plan-child.ts';
import { planTask } from './plan-task.ts';

const config = parseConfig('', 'test');
const run = 'true';
const parentOf = (file: object) => planTask({ run, children: 1, ...file }, config);
const specOf = (child: object, parent: object = {}) => planChild({ run, ...child }, parentOf(parent), config).spec;

describe('a child may ask for no more than its parent has', () => {
  test.each([
    [{ timeouts: { total: '365d' } }, {}, 'timeouts.total: 365d is more than the 1h of its parent'],
    [{ timeouts: { run: '2h' } }, {}, 'timeouts.run: 2h is more than the 1h of its parent'],
    [{ timeouts: { queue: '11m' } }, { timeouts: { total: '10m' } }, 'timeouts.queue: 11m is more than the 10m of its'],
    [{ retry: { maxAttempts: 100 } }, {}, 'retry.maxAttempts: 100 are more than the 3 of its parent'],
    [{ retry: { maxAttempts: 2 } }, { retry: { maxAttempts: 1 } }, 'retry.maxAttempts: 2 are more than the 1 of its'],
  ])('%j of one with %j is refused', (child, parent, why) => {
    expect(() => specOf(child, parent)).toThrow(`the task may not be submitted from here: ${why}`);
  });

  test('what it does not say is no more than that', () => {
    const spec = specOf({}, { timeouts: { total: '10m' }, retry: { maxAttempts: 1 } });
    expect([spec.timeouts.totalMs, spec.retry.maxAttempts]).toEqual([600_000, 1]);
    const small = specOf({ timeouts: { run: '5m' } }, { timeouts: { total: '10m' } });
    expect([small.timeouts.runMs, small.timeouts.totalMs]).toEqual([300_000, 600_000]);
  });

  test('what it says below that is taken', () => {
    const spec = specOf(
      { timeouts: { total: '2h' }, retry: { maxAttempts: 4 } },
      { timeouts: { total: '3h' }, retry: { maxAttempts: 5 } },
    );
    expect([spec.timeouts.totalMs, spec.retry.maxAttempts]).toEqual([7_200_000, 4]);
  });
});

test('of its time it has what its parent has left when it asks', () => {
  const { spec } = parentOf({});
  const parent = { time: new Date(1_000_000), data: { spec } };
  const total = (askedAtMs: number) =>
    boundByTime({ pool: 'default', spec }, parent, new Date(askedAtMs)).spec.timeouts.totalMs;
  expect(total(1_000_000)).toBe(3_600_000);
  expect(total(1_000_000 + 3_000_000)).toBe(600_000);
  // Asked in the last moment, or just behind it: it is told that its time is over.
  expect(total(1_000_000 + 3_600_500)).toBe(1_000);
});

test('a child clones with a secret that its parent has, for whatever, and with no other', () => {
  const cloning = (secret: string) => ({ setup: [{ git: { url: 'https://host/a', path: 'a', secret } }] });
  for (const parent of [cloning('git-token'), { secrets: { TOKEN: 'git-token' } }]) {
    expect(specOf(cloning('git-token'), parent).setup).toMatchObject([{ secret: 'git-token' }]);
    expect(() => specOf(cloning('other'), parent)).toThrow('its parent does not have the secret other');
  }
});
