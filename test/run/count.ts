/** How many tests passed, failed and were skipped, from what vitest or a program has left. */
import { relative } from 'node:path';

export interface Count {
  readonly passed: number;
  /** What each is called. */
  readonly failed: readonly string[];
  readonly skipped: readonly Skipped[];
}

export interface Skipped {
  readonly title: string;
  /** What the machine lacks for it (`packages/testing/src/needs.ts`); null when it was skipped for another reason. */
  readonly need: string | null;
}

/** vitest's JSON report, as far as it is read. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly meta?: { readonly need?: string };
    }[];
  }[];
}

export const nothing: Count = { passed: 0, failed: [], skipped: [] };

/** A program is one test. */
export function countProgram(name: string, exitCode: number | null): Count {
  return exitCode === 0 ? { ...nothing, passed: 1 } : { ...nothing, failed: [`${name} ended with ${exitCode}`] };
}

/**
 * `report`: the text of vitest's JSON report, empty when it left none. A file that failed without a failed test counts
 * as one (it did not load, or a hook failed), and so does a run that failed although nothing in it did.
 */
export function countReport(name: string, report: string, exitCode: number | null): Count {
  const files = report === '' ? [] : (JSON.parse(report) as Report).testResults;
  const tests = files.flatMap((file) => file.assertionResults);
  const failed = files.flatMap((file) => {
    const titles = file.assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    return file.status === 'failed' && titles.length === 0
      ? [`${relative('.', file.name)}: not one of its tests`]
      : titles.map((title) => `${relative('.', file.name)}: ${title}`);
  });
  const hasFailedAsAWhole = failed.length === 0 && (exitCode !== 0 || tests.length === 0);
  return {
    passed: tests.filter(({ status }) => status === 'passed').length,
    failed: hasFailedAsAWhole ? [`${name} ended with ${exitCode} after ${tests.length} tests`] : failed,
    skipped: tests
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName, meta }) => ({ title: fullName, need: meta?.need ?? null })),
  };
}

export function sum(counts: readonly Count[]): Count {
  return counts.reduce(
    (all, count) => ({
      passed: all.passed + count.passed,
      failed: [...all.failed, ...count.failed],
      skipped: [...all.skipped, ...count.skipped],
    }),
    nothing,
  );
}
