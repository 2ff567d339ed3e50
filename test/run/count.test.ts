import { expect, test } from 'vitest';
import { countProgram, countReport, sum } from './count.ts';

const passed = { status: 'passed', fullName: 'it works' };
const failed = { status: 'failed', fullName: 'it does not' };
const skipped = { status: 'pending', fullName: 'it needs much', meta: { need: 'root' } };

function report(
  ...files: readonly { readonly status: string; readonly assertionResults: readonly object[] }[]
): string {
  return JSON.stringify({ testResults: files.map((file, index) => ({ name: `${index}.test.ts`, ...file })) });
}

test('tests are counted by how they ended, and a skipped one with what it needs', () => {
  const text = report(
    { status: 'passed', assertionResults: [passed, passed, skipped] },
    { status: 'failed', assertionResults: [passed, failed] },
  );
  expect(countReport('unit', text, 1)).toEqual({
    passed: 3,
    failed: ['1.test.ts: it does not'],
    skipped: [{ title: 'it needs much', need: 'root' }],
  });
});

test('a test that was skipped without a need is counted, too', () => {
  const text = report({ status: 'passed', assertionResults: [passed, { status: 'todo', fullName: 'later' }] });
  expect(countReport('unit', text, 0).skipped).toEqual([{ title: 'later', need: null }]);
});

test.each([
  ['that did not load', []],
  ['whose hook failed before its tests', [{ status: 'skipped', fullName: 'never begun' }]],
])('a file %s is one failed test', (_what, assertionResults) => {
  const text = report({ status: 'passed', assertionResults: [passed] }, { status: 'failed', assertionResults });
  expect(countReport('unit', text, 1)).toMatchObject({ passed: 1, failed: ['1.test.ts: not one of its tests'] });
});

test.each([
  ['fails although no test does', report({ status: 'passed', assertionResults: [passed] }), 1, 1],
  ['leaves no report', '', 0, 0],
  ['has no tests', report(), 0, 0],
  ['was killed', report({ status: 'passed', assertionResults: [passed] }), null, 1],
])('a run that %s is one failed test', (_what, text, exitCode, passes) => {
  expect(countReport('unit', text, exitCode)).toEqual({
    passed: passes,
    failed: [`unit ended with ${exitCode} after ${passes} tests`],
    skipped: [],
  });
});

test('a program is one test', () => {
  expect(countProgram('lint', 0)).toEqual({ passed: 1, failed: [], skipped: [] });
  expect(countProgram('lint', 1)).toEqual({ passed: 0, failed: ['lint ended with 1'], skipped: [] });
  expect(countProgram('lint', null).failed).toEqual(['lint ended with null']);
});

test('counts are added up', () => {
  const one = { passed: 1, failed: ['b', 'c'], skipped: [{ title: 'a', need: null }] };
  expect(sum([one, one])).toEqual({
    passed: 2,
    failed: ['b', 'c', 'b', 'c'],
    skipped: [...one.skipped, ...one.skipped],
  });
  expect(sum([])).toEqual({ passed: 0, failed: [], skipped: [] });
});
