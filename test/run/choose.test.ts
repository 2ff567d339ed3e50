import { expect, test } from 'vitest';
import { choose, suiteOf } from './choose.ts';
import { longSuites, suiteNames } from './suites.ts';

const commit = '6c6f94d5a1b2c3d4e5f60718293a4b5c6d7e8f90';
const day = '2026-01-31';
const here = { commit, day };

test('without arguments it is core and the one long suite of the commit, and it is said why', () => {
  const [core, long, ...more] = choose([], here);
  expect(core?.name).toBe('core');
  expect(longSuites).toContain(long?.name);
  expect(long?.why).toBe(`chosen by the commit 6c6f94d5a1b2 out of ${longSuites.join(', ')}`);
  expect(more).toEqual([]);
});

test('the suite is the same for a commit on every day, and each suite is that of some commit', () => {
  const names = ['2026-01-31', '2026-02-01'].map((date) => choose([], { commit, day: date })[1]?.name);
  expect(names[0]).toBe(names[1]);
  const chosen = Array.from({ length: 64 }, (_, n) => suiteOf(n.toString(16).padStart(8, '0')));
  expect(new Set(chosen)).toEqual(new Set(longSuites));
});

test('where there is no commit, the day decides', () => {
  const [, long] = choose([], { commit: null, day });
  expect(long?.why).toContain(`the day ${day}`);
  expect(longSuites).toContain(long?.name);
});

test('suites that are asked for are all that is run, in that order', () => {
  const chosen = choose(['--suite', 'images', '--suite', 'core'], here);
  expect(chosen.map(({ name, why }) => [name, why])).toEqual([
    ['images', 'asked for'],
    ['core', 'asked for'],
  ]);
});

test('all of them are core and every long suite', () => {
  expect(choose(['--all'], here).map(({ name }) => name)).toEqual(['core', ...longSuites]);
});

test('the seed of core is the same for a commit all day, and another one on another day and for another commit', () => {
  const seedAt = (circumstances: typeof here) => choose(['--suite', 'core'], circumstances)[0]?.seed;
  expect(seedAt(here)).toBe(seedAt({ ...here }));
  expect(seedAt({ ...here, day: '2026-02-01' })).not.toBe(seedAt(here));
  expect(seedAt({ ...here, commit: commit.replace('6', '7') })).not.toBe(seedAt(here));
});

test('the seed of a long suite is a new one each time', () => {
  const seeds = Array.from({ length: 20 }, () => choose(['--suite', 'chaos'], here)[0]?.seed);
  expect(new Set(seeds).size).toBeGreaterThan(1);
});

test('a seed that is given is that of every suite', () => {
  expect(choose(['--all', '--seed', '7'], here).map(({ seed }) => seed)).toEqual(['core', ...longSuites].map(() => 7));
});

test.each([
  [['--suite', 'everything'], `there is no suite "everything"; there are ${suiteNames.join(', ')}`],
  [['--seed', '0'], '--seed "0" is not a whole number'],
  [['--seed', '1e9'], '--seed "1e9" is not a whole number'],
  [['some.test.ts'], 'some.test.ts'],
  [['--fast'], '--fast'],
])('%j is refused with a sentence', (args, sentence) => {
  expect(() => choose(args, here)).toThrow(sentence);
});
