/** The end of a run, for people and for CI. */

import { againLine } from './choose.ts';
import { type Count, type Skipped, sum } from './count.ts';
import type { SuiteName } from './suites.ts';

export interface StepResult {
  readonly name: string;
  readonly count: Count;
  readonly seconds: number;
}

export interface SuiteResult {
  readonly name: SuiteName;
  readonly seed: number;
  readonly steps: readonly StepResult[];
}

/** Seconds that a step or a suite should take on two quiet processors, by its name. */
export type Budget = Readonly<Record<string, number>>;

/**
 * A table of time against budget, what was not run and why, what failed, and the sum as CI reads it: the last line is
 * exactly `N passed, N failed`, with `, N skipped` where there are any.
 */
export function summaryLines(
  results: readonly SuiteResult[],
  notChosen: readonly SuiteName[],
  budget: Budget,
): readonly string[] {
  const rows = results.flatMap(({ name, steps }) => [
    rowOf({ name, ...totalOf(steps) }, budget),
    ...steps.map((step) => rowOf({ ...step, name: `  ${step.name}` }, budget)),
  ]);
  const all = sum(results.flatMap(({ steps }) => steps.map(({ count }) => count)));
  const skipped = all.skipped.length === 0 ? '' : `, ${all.skipped.length} skipped`;
  return [
    ...['', line('', 'passed', 'failed', 'skipped', 'time', 'budget'), ...rows.map(({ text }) => text)],
    ...(notChosen.length === 0 ? [] : ['', `not chosen: ${notChosen.join(', ')}`]),
    ...skippedLines(all.skipped),
    ...failedLines(results),
    ...rows
      .filter(({ isOver }) => isOver)
      .map(({ name }) => `OVER BUDGET: ${name} took longer than test/budget.json has for it`),
    ...['', `${all.passed} passed, ${all.failed.length} failed${skipped}`],
  ];
}

function failedLines(results: readonly SuiteResult[]): string[] {
  return results.flatMap(({ name, seed, steps }) => {
    const failed = steps.flatMap(({ count }) => count.failed);
    const titles = failed.map((title) => `  ${title}`);
    return failed.length === 0 ? [] : ['', `${name} failed; again: ${againLine(name, seed)}`, ...titles];
  });
}

function totalOf(steps: readonly StepResult[]): Omit<StepResult, 'name'> {
  const seconds = steps.reduce((all, step) => all + step.seconds, 0);
  return { count: sum(steps.map(({ count }) => count)), seconds };
}

function rowOf({ name, count, seconds }: StepResult, budget: Budget) {
  const limit = budget[name.trim()];
  const isOver = limit !== undefined && seconds > limit;
  const { passed, failed, skipped } = count;
  const time = `${isOver ? '!' : ''}${Math.round(seconds)} s`;
  const text = line(
    name,
    `${passed}`,
    `${failed.length}`,
    `${skipped.length}`,
    time,
    limit === undefined ? '' : `${limit} s`,
  );
  return { name: name.trim(), isOver, text };
}

function line(name: string, ...cells: readonly string[]): string {
  return `${name.padEnd(24)}${cells.map((cell) => cell.padStart(10)).join('')}`;
}

/** What is needed, how many tests need it, and which. */
function skippedLines(skipped: readonly Skipped[]): string[] {
  const needs = [...new Set(skipped.map(({ need }) => need))];
  return needs.flatMap((need) => {
    const titles = skipped.filter((test) => test.need === need).map(({ title }) => title);
    const why = need === null ? 'skipped without a reason' : `need ${need}, which is not to be had here`;
    return ['', `${titles.length} ${why}:`, ...titles.map((title) => `  ${title}`)];
  });
}
