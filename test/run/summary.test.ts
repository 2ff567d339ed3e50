import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { suiteNames, suites } from './suites.ts';
import { type StepResult, summaryLines } from './summary.ts';

const budget = { core: 100, unit: 10, e2e: 90 };

const step = (name: string, seconds: number, count: Partial<StepResult['count']> = {}): StepResult => ({
  name,
  seconds,
  count: { passed: 2, failed: [], skipped: [], ...count },
});

const linesFor = (...steps: readonly StepResult[]) =>
  summaryLines([{ name: 'core', seed: 7, steps }], ['chaos', 'images'], budget);

test('the last line is the sum, as CI reads it', () => {
  expect(linesFor(step('unit', 5), step('e2e', 50, { failed: ['a.test.ts: it works'] })).at(-1)).toBe(
    '4 passed, 1 failed',
  );
  const skipped = [{ title: 'a guest reaches nothing', need: 'root' }];
  expect(linesFor(step('unit', 5, { passed: 1_234, skipped })).at(-1)).toBe('1234 passed, 0 failed, 1 skipped');
});

test('each step and each suite has its time beside its budget, and what is over it is said', () => {
  const lines = linesFor(step('unit', 12), step('e2e', 50));
  const cells = lines.map((line) => line.trim().split(/\s{2,}/));
  expect(cells).toContainEqual(['core', '4', '0', '0', '62 s', '100 s']);
  expect(cells).toContainEqual(['unit', '2', '0', '0', '!12 s', '10 s']);
  expect(cells).toContainEqual(['e2e', '2', '0', '0', '50 s', '90 s']);
  expect(lines.filter((line) => line.startsWith('OVER BUDGET'))).toEqual([
    'OVER BUDGET: unit took longer than test/budget.json has for it',
  ]);
});

test('what failed is named beside how its suite is run again', () => {
  const again = 'core failed; again: npm test -- --suite core --seed 7';
  const text = linesFor(step('unit', 5, { failed: ['a.test.ts: it works'] })).join('\n');
  expect(text).toContain(`${again}\n  a.test.ts: it works\n`);
  expect(linesFor(step('unit', 5))).not.toContain(again);
});

test('a suite that was not the day\'s is "not chosen"', () => {
  expect(linesFor(step('unit', 5))).toContain('not chosen: chaos, images');
  expect(linesFor(step('unit', 5)).join('\n')).not.toContain('skipped:');
});

test('what could not be run is listed by what it needs, with its number', () => {
  const skipped = [
    { title: 'a guest reaches nothing', need: 'root' },
    { title: 'a full disk', need: 'mount namespaces' },
    { title: 'a guest reaches the internet', need: 'root' },
    { title: 'later', need: null },
  ];
  const text = linesFor(step('unit', 5, { skipped })).join('\n');
  expect(text).toContain(
    '2 need root, which is not to be had here:\n  a guest reaches nothing\n  a guest reaches the internet',
  );
  expect(text).toContain('1 need mount namespaces, which is not to be had here:\n  a full disk');
  expect(text).toContain('1 skipped without a reason:\n  later');
});

test('budget.json has every suite and every step, and nothing else', () => {
  const known = JSON.parse(readFileSync(new URL('../budget.json', import.meta.url), 'utf8')) as Record<string, number>;
  const steps = suiteNames.flatMap((name) => suites[name].steps.map((one) => one.name));
  expect(Object.keys(known).sort()).toEqual([...new Set([...suiteNames, ...steps])].sort());
});
