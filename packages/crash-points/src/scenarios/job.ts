/** Jobs whose every start and every byte can be told afterwards. */

/** What a task must have done when it is over. */
export interface Expectation {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'timed_out';
  /** The error's code, where there has to be one. */
  readonly error?: string;
  /** So many attempts at most. */
  readonly attempts: number;
  /** Of each attempt: the bytes of each stream, or the beginning of them for one that did not come to its end. */
  readonly output: Readonly<Record<'setup' | 'stdout' | 'stderr', string>>;
  /** Path → content, where it succeeds. */
  readonly artifacts: Readonly<Record<string, string>>;
  /** The file below the working directory to which every job of the task adds a line; null where nothing runs. */
  readonly starts: string | null;
}

export interface Job {
  readonly file: Readonly<Record<string, unknown>>;
  readonly expected: Expectation;
}

export interface JobOptions {
  readonly mark: string;
  /** Lines of output, one every 30 ms. */
  readonly lines?: number;
  /** Goes on for ever after its output. */
  readonly endless?: boolean;
  /** The first attempt fails after its output. */
  readonly failsAtFirst?: boolean;
  /** Commands between its output and its end, each of which has to succeed. */
  readonly asks?: readonly string[];
  readonly more?: Readonly<Record<string, unknown>>;
  readonly expected?: Partial<Expectation>;
}

/** One setup step, output on both streams, an artifact and a result. */
export function makeJob({
  mark,
  lines = 8,
  endless = false,
  failsAtFirst = false,
  asks = [],
  more = {},
  expected = {},
}: JobOptions): Job {
  const starts = `starts-${mark}`;
  const artifact = `out/${mark}.txt`;
  const run = [
    // The script's path has the attempt and the step in it.
    `echo "$0" >> ${starts}`,
    `i=0; while [ $i -lt ${lines} ]; do echo "line $i of ${mark}"; i=$((i + 1)); sleep 0.03; done`,
    `echo "${mark} complains" >&2`,
    ...(endless ? ['sleep 600'] : []),
    ...(failsAtFirst ? ['case "$0" in *-1-main/*) exit 3;; esac'] : []),
    ...asks.map((ask) => `${ask} || exit 4`),
    `mkdir -p out; echo ${mark} > ${artifact}`,
    `printf '{"mark": "${mark}"}' > "$VM_TASK_RESULT"`,
  ].join('\n');
  const stdout = Array.from({ length: lines }, (_, n) => `line ${n} of ${mark}\n`).join('');
  return {
    file: {
      setup: [{ run: `echo "$0" >> ${starts}; echo prepares ${mark}` }],
      run,
      runtime: 'shell',
      artifacts: [artifact, starts],
      ...more,
    },
    expected: {
      outcome: 'succeeded',
      attempts: 1,
      output: { setup: `# setup 1 of 1: run\nprepares ${mark}\n`, stdout, stderr: `${mark} complains\n` },
      artifacts: { [artifact]: `${mark}\n` },
      starts,
      ...expected,
    },
  };
}
