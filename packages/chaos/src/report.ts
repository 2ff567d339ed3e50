/** What a run has shown, for programs as it is and for people as lines. */

import { checkOutcomes } from './check-outcomes.ts';
import { checkOutput } from './check-output.ts';
import { checkPipelines, type PipelineCheck } from './check-pipelines.ts';
import { checkStarts } from './check-starts.ts';
import { checkTasks } from './check-tasks.ts';
import type { Deed } from './disturber.ts';
import { type Broken, type Evidence, promises } from './evidence.ts';
import { longestSilenceMs, type Recovery, recoveriesOfMachines } from './recovery.ts';
import { wasAccepted } from './submitter.ts';

export interface Report {
  readonly seed: number;
  readonly minutes: number;
  readonly submitted: number;
  readonly accepted: number;
  readonly terminal: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly pipelines: Omit<PipelineCheck, 'broken'>;
  readonly attempts: number;
  readonly resumed: number;
  readonly disturbances: Readonly<Record<string, number>>;
  readonly starts: { readonly processes: number; readonly mostPerStep: number };
  readonly output: { readonly attempts: number; readonly bytes: number };
  /** Kind of disturbance → how often, and the worst and the median time until it was made good. */
  readonly recovery: Readonly<
    Record<string, { readonly count: number; readonly medianMs: number; readonly worstMs: number }>
  >;
  readonly longestSilenceMs: number;
  readonly quietAfterMs: number;
  readonly leaked: Readonly<Record<string, number>>;
  readonly broken: readonly Broken[];
  readonly deeds: readonly Deed[];
}

export interface Course {
  readonly seed: number;
  readonly minutes: number;
  readonly recoveries: readonly Recovery[];
  readonly quietAfterMs: number;
  /** Kinds of leaks, one for each thing. */
  readonly leaks: readonly { readonly kind: string; readonly what: string }[];
  /** What went wrong besides what the evidence shows. */
  readonly broken: readonly Broken[];
}

export function reportOf(evidence: Evidence, course: Course): Report {
  const { events } = evidence.streams;
  const completed = events.filter((event) => event.type === 'task.completed');
  const output = checkOutput(evidence);
  const starts = checkStarts(evidence);
  const { broken: ofPipelines, ...pipelines } = checkPipelines(evidence);
  const leaked = course.leaks.map(({ kind, what }): Broken => ({ promise: 'nothing leaks', what: `${kind} ${what}` }));
  return {
    seed: course.seed,
    minutes: course.minutes,
    submitted: evidence.submissions.filter(({ task }) => task.via !== 'stage').length,
    accepted: evidence.submissions.filter(wasAccepted).length,
    terminal: completed.length,
    pipelines,
    outcomes: countBy(completed.map(({ data }) => data.outcome)),
    attempts: events.filter(({ type }) => type === 'vm.ready').length,
    resumed: events.filter(({ type }) => type === 'task.resumed').length,
    disturbances: countBy(evidence.deeds.map(({ act, target }) => `${act} ${target}`)),
    starts: { processes: starts.starts, mostPerStep: starts.most },
    output: { attempts: output.compared, bytes: output.bytes },
    recovery: summarize([...course.recoveries, ...recoveriesOfMachines(evidence.deeds, events)]),
    longestSilenceMs: longestSilenceMs(events),
    quietAfterMs: course.quietAfterMs,
    leaked: countBy(course.leaks.map(({ kind }) => kind)),
    broken: [
      ...checkTasks(evidence),
      ...checkOutcomes(evidence),
      ...ofPipelines,
      ...starts.broken,
      ...output.broken,
      ...leaked,
      ...course.broken,
    ],
    deeds: evidence.deeds,
  };
}

export function reportLines(report: Report): string[] {
  const { starts, output, pipelines, recovery, broken } = report;
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ') || 'none';
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return [
    `seed ${report.seed}, ${report.minutes} minutes`,
    `submitted ${report.submitted}, accepted ${report.accepted}, terminal ${report.terminal}: ${counts(report.outcomes)}`,
    `pipelines: accepted ${pipelines.accepted}, ended ${pipelines.ended}, without exactly one end ${pipelines.withoutOneEnd}, stages that ran twice ${pipelines.stagesTwice}`,
    `attempts ${report.attempts}, resumed ${report.resumed}`,
    `disturbances: ${counts(report.disturbances)}`,
    `processes started ${starts.processes}, at most ${starts.mostPerStep} per step of an attempt`,
    `output compared: ${output.attempts} attempts, ${output.bytes} bytes`,
    ...Object.entries(recovery).map(
      ([what, { count, medianMs, worstMs }]) =>
        `recovered from ${what}: ${count}, median ${seconds(medianMs)}, worst ${seconds(worstMs)}`,
    ),
    `longest time without an event while tasks were in flight: ${seconds(report.longestSilenceMs)}`,
    `quiet ${seconds(report.quietAfterMs)} after the storm`,
    `leaked: ${counts(report.leaked)}`,
    ...promises.map((promise) => {
      const own = broken.filter((one) => one.promise === promise);
      return [
        `${own.length === 0 ? 'kept  ' : 'BROKEN'} ${promise}`,
        ...own.map(({ what }) => `         ${what}`),
      ].join('\n');
    }),
  ];
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function summarize(recoveries: readonly Recovery[]): Report['recovery'] {
  const groups = Map.groupBy(recoveries, ({ act, target }) => `${act} ${target}`);
  return Object.fromEntries(
    [...groups].map(([what, group]) => {
      const times = group.map(({ ms }) => ms).sort((a, b) => a - b);
      const medianMs = times[Math.floor(times.length / 2)] ?? 0;
      return [what, { count: times.length, medianMs, worstMs: times.at(-1) ?? 0 }];
    }),
  );
}
