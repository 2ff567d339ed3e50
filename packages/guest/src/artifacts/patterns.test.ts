import { expect, test } from 'vitest';
import { parsePatterns } from './patterns.ts';

test.each(['', '/etc/passwd', '../x', 'out/../../x', 'out/..', '!x'])('the pattern %j is refused', (pattern) => {
  expect(() => parsePatterns(['ok', pattern])).toThrowError(expect.objectContaining({ code: 'artifact-refused' }));
});

test('patterns match paths below the working directory', () => {
  const { matches } = parsePatterns(['out/*.json', './report.txt', 'logs/**']);
  expect(['out/a.json', 'report.txt', 'logs/a', 'logs/a/b'].filter(matches)).toHaveLength(4);
  expect(['out/a/b.json', 'a.json', 'out/a.txt', 'report.txt/x'].filter(matches)).toEqual([]);
});

test('only folders that can hold a match are looked into', () => {
  const may = parsePatterns(['out/*/x.json', 'logs/**/*.log', 'top.txt']).mayMatchBelow;
  expect(['out', 'out/a', 'logs', 'logs/a/b/c'].filter(may)).toHaveLength(4);
  expect(['node_modules', 'out/a/b', 'top.txt'].filter(may)).toEqual([]);
  expect(parsePatterns(['{a,b/c}/*.txt']).mayMatchBelow('b/c')).toBe(true);
});
