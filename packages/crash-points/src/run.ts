/** All points of all services: found by recording the scenarios, then tried one after another on several systems. */
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instrument } from './code/instrument.ts';
import { Lane, type Trial } from './lane.ts';
import { labelOf, type Point, phaseOf, placeOf, pointsIn } from './point.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { scenarios } from './scenarios/scenarios.ts';
import { unreachedOf } from './unreached.ts';

export interface RunOptions {
  /** With QEMU; else with machines that are none. */
  readonly isReal: boolean;
  /** Only points whose names match. */
  readonly only: RegExp | null;
  /** So many of them, chosen by the seed; null for all. */
  readonly sample: number | null;
  readonly seed: number;
  /** Systems at once. */
  readonly lanes: number;
  /** Find the points, and try none. */
  readonly isListing: boolean;
  /** Aborted: no more points are tried, and the systems are taken down. */
  readonly stop: AbortSignal;
  readonly tell: (progress: Progress) => void;
}

export type Progress =
  | { readonly kind: 'recorded'; readonly scenario: string; readonly points: number }
  | {
      readonly kind: 'tried';
      readonly point: Point;
      readonly trial: Trial;
      readonly done: number;
      readonly of: number;
    };

export interface Report {
  readonly points: readonly Point[];
  readonly passed: number;
  readonly failed: readonly { readonly point: string; readonly problems: readonly string[] }[];
  /** Points that depend on who is faster, and that no service came to any more. */
  readonly missed: readonly string[];
  /** Effects before or after which no service was killed, although a scenario reaches them. */
  readonly untried: readonly string[];
  /** Effects in the code that no scenario reaches. */
  readonly unreached: readonly string[];
  readonly seconds: number;
}

/** Which of two services is faster differs from run to run. */
const maxTries = 6;

/** @throws the reason of `stop`. */
export async function runCrashPoints(options: RunOptions): Promise<Report> {
  const begun = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'vm-task-crash-points-'));
  await using started = new AsyncDisposableStack();
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const { manifest, places } = instrument(folder);
  const lanes = Array.from({ length: options.lanes }, () =>
    started.use(new Lane({ manifest, isReal: options.isReal })),
  );
  const wanted = scenariosFor(options);
  const all = await findPoints(lanes, wanted, options);
  const points = choose(all, options);
  const trials = options.isListing ? new Map<Point, Trial>() : await tryAll(lanes, points, options);
  const isEvery = options.sample === null && options.only === null && !options.isListing;
  return {
    points,
    ...countTrials(trials),
    unreached: wanted === scenarios ? unreachedOf(places, all, options.isReal) : [],
    untried: isEvery ? untriedOf(all, trials) : [],
    seconds: Math.round((performance.now() - begun) / 1_000),
  };
}

/** With real VMs all of them take minutes: a few points are looked for in the first one alone. */
function scenariosFor({ sample, isReal }: RunOptions): readonly Scenario[] {
  return isReal && sample !== null ? scenarios.slice(0, 1) : scenarios;
}

async function findPoints(
  lanes: readonly Lane[],
  wanted: readonly Scenario[],
  { tell, stop }: RunOptions,
): Promise<readonly Point[]> {
  const recorded = new Map<Scenario, readonly string[]>();
  // The slowest are last in the list, and begin first.
  await share(lanes, wanted.toReversed(), stop, async (lane, scenario) => {
    const reached = await lane.record(scenario);
    recorded.set(scenario, reached);
    tell({ kind: 'recorded', scenario: scenario.name, points: new Set(reached).size });
  });
  return pointsIn(new Map(wanted.map((scenario) => [scenario, recorded.get(scenario) ?? []])));
}

function choose(points: readonly Point[], { only, sample, seed }: RunOptions): readonly Point[] {
  const wanted = points.filter((point) => only?.test(labelOf(point)) ?? true);
  if (sample === null) return wanted;
  // By its name, so that a new point elsewhere takes the place of one at most.
  const drawn = wanted.map((point) => ({ point, draw: hash(`${seed} ${labelOf(point)}`) }));
  const sorted = drawn.toSorted((a, b) => (a.draw < b.draw ? -1 : 1));
  return sorted.slice(0, sample).map(({ point }) => point);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function tryAll(
  lanes: readonly Lane[],
  points: readonly Point[],
  { tell, stop }: RunOptions,
): Promise<ReadonlyMap<Point, Trial>> {
  const trials = new Map<Point, Trial>();
  await share(lanes, points, stop, async (lane, point) => {
    let trial: Trial = { kind: 'missed' };
    for (let tries = 0; trial.kind === 'missed' && tries < maxTries; tries++) trial = await lane.kill(point);
    trials.set(point, trial);
    tell({ kind: 'tried', point, trial, done: trials.size, of: points.length });
  });
  return trials;
}

function countTrials(trials: ReadonlyMap<Point, Trial>): Pick<Report, 'passed' | 'failed' | 'missed'> {
  const failed = [...trials].flatMap(([point, trial]) =>
    trial.kind === 'failed' ? [{ point: labelOf(point), problems: trial.problems }] : [],
  );
  const missed = [...trials].flatMap(([point, { kind }]) => (kind === 'missed' ? [labelOf(point)] : []));
  return { passed: trials.size - failed.length - missed.length, failed, missed };
}

function untriedOf(points: readonly Point[], trials: ReadonlyMap<Point, Trial>): readonly string[] {
  const effectOf = (point: Point) => `${placeOf(point)}/${phaseOf(point)}`;
  const tried = new Set([...trials].flatMap(([point, { kind }]) => (kind === 'missed' ? [] : [effectOf(point)])));
  return [...new Set(points.map(effectOf))].filter((effect) => !tried.has(effect));
}

/** Each item once, by whichever lane is free. */
async function share<T>(
  lanes: readonly Lane[],
  items: readonly T[],
  stop: AbortSignal,
  work: (lane: Lane, item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const workAll = async (lane: Lane) => {
    for (const item of left) {
      stop.throwIfAborted();
      await work(lane, item);
    }
  };
  await Promise.all(lanes.map(workAll));
}
