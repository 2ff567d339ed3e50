import { chance } from '@vm-task/testing/chance';
import { runSeed } from '@vm-task/testing/seed';
import picomatch from 'picomatch';
import { expect, test } from 'vitest';
import { parsePatterns } from './patterns.ts';

test('a pattern of many stars is looked up in one name of stars in no more steps than their lengths multiply to', () => {
  const { matches } = parsePatterns([
    `${'*a'.repeat(500)}b`,
    `${'**/a/'.repeat(200)}b`,
    `${'?'.repeat(100)}${'*?'.repeat(100)}b`,
  ]);
  expect(matches('a'.repeat(255))).toBe(false);
  expect(matches(`${'a/'.repeat(2_000)}a`)).toBe(false);
  expect(matches(`${'a/'.repeat(2_000)}b`)).toBe(true);
});

test('patterns mean what they mean to the library that others use', () => {
  const seed = runSeed('glob patterns');
  const pick = chance(seed);
  const oneOf = (all: readonly string[]) => all[pick(all.length)] ?? '';
  const word = (parts: readonly string[], most: number) =>
    Array.from({ length: 1 + pick(most) }, () => oneOf(parts)).join('');
  const inPatterns = ['a', 'b', '.', '*', '?', '[ab]', '[a-c]', '{a,bc}', '{a,{b,c}x}', '垃'];
  for (let round = 0; round < 4_000; round++) {
    const segment = () => (pick(5) === 0 ? '**' : word(inPatterns, 3));
    const pattern = Array.from({ length: 1 + pick(3) }, segment).join('/');
    const path = Array.from({ length: 1 + pick(4) }, () => word(['a', 'b', 'c', '.', 'x', '垃'], 3)).join('/');
    if (
      /^\.+$|(^|\/)\.{1,2}(\/|$)|\[[^\]]*\]/.test(path) ||
      /(^|\/)(\.\.?(\/|$)|[[{?])/.test(pattern) ||
      /\*\*[^/]|[^/]\*\*/.test(pattern)
    )
      continue;
    // What ends in a dot has no ending there.
    if (/\.(\/|$)/.test(path)) continue;
    // There a file may stand for the folder.
    if (pattern.endsWith('/**') && picomatch.isMatch(path, pattern.slice(0, -3))) continue;
    expect([pattern, path, parsePatterns([pattern]).matches(path)], `seed ${seed}, round ${round}`).toEqual([
      pattern,
      path,
      picomatch.isMatch(path, pattern),
    ]);
  }
});

test('a set may be of those that are not meant, and what is special is taken as it is behind a backslash', () => {
  const { matches } = parsePatterns(['x[!a-c]', 'y[^.]*', String.raw`\*\{a,b}`, '.z']);
  expect(['xd', 'y1', '*{a,b}', '.z'].filter(matches)).toHaveLength(4);
  expect(['xa', 'x', 'x/d', 'y.', 'ya/b', 'z{a,b}', 'z'].filter(matches)).toEqual([]);
});

test.each([
  ['+(a|b).txt', 'has +(…), which is not understood; write {a,b}'],
  ['!(a)', 'is a negation'],
  ['a{1..3}', 'has {1..3}, which is not understood; write {1,2,3}'],
  [`${'{a,b}'.repeat(10)}`, 'has more than 100 alternatives'],
  ['a[b', 'has a "[" without its "]"'],
  ['a{b', 'has a "{" without its "}"'],
])('%s is refused', (pattern, why) => {
  expect(() => parsePatterns([pattern])).toThrow(why);
});
