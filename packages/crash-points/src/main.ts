/**
 * crash-points: the real services with a real nats-server, killed before and after each of their effects.
 *
 * | file | role |
 * |---|---|
 * | `code/` | where the effects are in the code, and the code with a point before and after each |
 * | `process/` | in a service's process: points recorded, or the process killed |
 * | `system/`, `stand-ins/` | `vm-task up` with that code; with real VMs, or with machines that are none |
 * | `scenarios/` | what happens meanwhile, and what must have come of it |
 * | `promises/` | whether it has |
 * | `lane.ts`, `run.ts` | every point, several at once |
 * | `unreached.ts` | effects that no scenario reaches |
 */
import { parseArgs } from 'node:util';
import { labelOf } from './point.ts';
import { type Progress, type Report, runCrashPoints } from './run.ts';

const help = `npm run crash-points -- [options]

  --real            with real VMs; without it, with machines that are none
  --only PATTERN    only points whose names match this regular expression
  --sample N        N points, chosen by the seed; with real VMs of the first scenario alone
  --seed N          which ones
  --lanes N         systems at once; 4 by default, 3 with real VMs
  --list            print the points, and try none
  --json            print the report as JSON
`;

const { values } = parseArgs({
  options: {
    real: { type: 'boolean', default: false },
    only: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string' },
    lanes: { type: 'string' },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

if (values.help) say(help);
else await main();

async function main(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  }
  try {
    await runUntil(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say(`${(error as Error).message}; what was started is taken down`);
    process.exitCode = 1;
  }
}

async function runUntil(stop: AbortSignal): Promise<void> {
  const isReal = values.real;
  const seed = wholeNumber(values.seed ?? String(Date.now() % 1_000_000));
  const report = await runCrashPoints({
    isReal,
    only: values.only === undefined ? null : new RegExp(values.only),
    sample: values.sample === undefined ? null : wholeNumber(values.sample),
    seed,
    lanes: wholeNumber(values.lanes ?? (isReal ? '3' : '4')),
    isListing: values.list,
    stop,
    tell: values.json ? () => undefined : sayProgress,
  });
  // The list is found, so it might become empty by itself.
  const isKept =
    report.points.length > 0 && report.failed.length + report.untried.length + report.unreached.length === 0;
  if (values.json) say(JSON.stringify({ ...report, points: report.points.map(labelOf), seed }));
  else sayReport(report, seed);
  process.exitCode = isKept ? 0 : 1;
}

function sayProgress(progress: Progress): void {
  if (progress.kind === 'recorded') {
    say(`${progress.scenario}: reaches ${progress.points} points`);
    return;
  }
  const { point, trial, done, of } = progress;
  say(`${String(done).padStart(4)}/${of}  ${trial.kind}  ${labelOf(point)}  (${point.scenario.name})`);
  if (trial.kind === 'failed') say(trial.problems.join('\n'));
}

function sayReport({ points, passed, failed, missed, untried, unreached, seconds }: Report, seed: number): void {
  if (values.list) for (const point of points) say(`${labelOf(point)}  (${point.scenario.name})`);
  for (const { point, problems } of failed) say(`\nfailed: ${point}\n${problems.join('\n')}`);
  for (const point of missed) say(`not reached again: ${point}`);
  for (const effect of untried) say(`not tried: ${effect}`);
  for (const place of unreached) say(`no scenario reaches: ${place}`);
  const counts = `${passed} passed, ${failed.length} failed, ${missed.length} not reached again`;
  say(
    `\n${points.length} crash points: ${counts}; ${untried.length} effects not tried, ${unreached.length} not reached by any scenario; seed ${seed}, ${seconds} s`,
  );
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`${JSON.stringify(text)} is not a whole number; see --help`);
}
