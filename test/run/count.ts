/** How many tests passed, failed and were skipped, from what vitest or a program has left. */

export interface Count {
  readonly passed: number;
  readonly failed: number;
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
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly meta?: { readonly need?: string };
    }[];
  }[];
}

export const nothing: Count = { passed: 0, failed: 0, skipped: [] };

/** A program is one test. */
export function countProgram(exitCode: number | null): Count {
  return exitCode === 0 ? { ...nothing, passed: 1 } : { ...nothing, failed: 1 };
}

/**
 * `report`: the text of vitest's JSON report, empty when it left none. A file that failed without a failed test counts
 * as one (it did not load, or a hook failed), and so does a run that failed although nothing in it did.
 */
export function countReport(report: string, exitCode: number | null): Count {
  const files = report === '' ? [] : (JSON.parse(report) as Report).testResults;
  const tests = files.flatMap((file) => file.assertionResults);
  const failedTests = tests.filter(({ status }) => status === 'failed').length;
  const failedFiles = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length;
  const failed = failedTests + failedFiles;
  return {
    passed: tests.filter(({ status }) => status === 'passed').length,
    failed: failed === 0 && (exitCode !== 0 || tests.length === 0) ? 1 : failed,
    skipped: tests
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName, meta }) => ({ title: fullName, need: meta?.need ?? null })),
  };
}

export function sum(counts: readonly Count[]): Count {
  return counts.reduce(
    (all, count) => ({
      passed: all.passed + count.passed,
      failed: all.failed + count.failed,
      skipped: [...all.skipped, ...count.skipped],
    }),
    nothing,
  );
}
