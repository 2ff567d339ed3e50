/** One run: the system up, load and storm by the seed, calm, and what all of it has shown. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, openConnection } from '@vm-task/bus/connection';
import { type BrokerUser, readBrokerAddress } from '@vm-task/bus/credentials';
import type { Stored } from '@vm-task/shared/events';
import { Random } from '@vm-task/simulation/random';
import { planDisturbance } from './disturbance.ts';
import { type Deed, Disturber } from './disturber.ts';
import type { Broken } from './evidence.ts';
import { type Leak, scanDown, scanIdle } from './host-scan.ts';
import { makeOwnSystem, type OwnSystem } from './own-system.ts';
import { planPipeline } from './planned-pipeline.ts';
import { planTask } from './planned-task.ts';
import { type Recovery, timeRecovery } from './recovery.ts';
import { type Report, reportOf } from './report.ts';
import { Submitter } from './submitter.ts';
import { watchConsoles } from './watch-consoles.ts';
import { StreamWatch } from './watch-streams.ts';

export interface ChaosOptions {
  readonly seed: number;
  /** How long the storm lasts. */
  readonly minutes: number;
  /** One line of progress, or of what was just done. */
  readonly tell: (line: string) => void;
  /** Aborted: everything is taken down, and the signal's reason is thrown. */
  readonly signal: AbortSignal;
}

/** Small machines, as many as two processors can feed; strays and the deaf go sooner than by default. */
const config = {
  pools: { default: { image: 'base', sizes: [{ cpus: 1, memoryMiB: 384, diskMiB: 2_048 }], max: 3, warm: 1 } },
  cancel: { grace: '2s' },
  reaper: { orphanGrace: '10s' },
};

/** More would only wait. */
const maxInFlight = 6;
const longestPauseMs = 2_500;
const throttleMs = 200;
/** Of what is asked for. */
const pipelineShare = 0.25;

/** Of the calm: every task of the last moment has its retries, and whatever was stopped its time-outs. */
const quietLimitMs = 600_000;
const readLimitMs = 120_000;
/** What is being removed is no leak before that. */
const scanLimitMs = 120_000;
const scanEveryMs = 1_000;

/**
 * Where a promise was broken the home stays, with its logs and streams, and nothing running in it.
 * @throws what kept the run from being made, and `signal`'s reason; never what the run has shown.
 */
export async function runChaos(options: ChaosOptions): Promise<Report> {
  const system = await makeOwnSystem('chaos', config);
  await using undone = new AsyncDisposableStack();
  undone.defer(() => system.remove());
  undone.defer(() => system.down());
  await system.up();
  const conclude = await runOn(system, options);
  await system.down();
  const report = conclude(scanDown(system.home, system.temporary));
  undone.move();
  if (report.broken.length === 0) await system.remove();
  else options.tell(`what the system has left is in ${system.home.root}`);
  return report;
}

/** Returns what makes the report once it is known what `down` has left. */
async function runOn(system: OwnSystem, options: ChaosOptions): Promise<(left: readonly Leak[]) => Report> {
  const { seed, minutes, signal } = options;
  await using connection = await connect(system, 'system');
  await using commands = await connect(system, 'submit');
  await using streams = new StreamWatch(connection);
  await using consoles = watchConsoles(system.home);
  const storm = AbortSignal.any([signal, AbortSignal.timeout(minutes * 60_000)]);
  const calm = new AbortController();
  const asking = AbortSignal.any([signal, calm.signal]);
  const submitter = new Submitter({
    seed,
    client: system.client,
    commands,
    idOf: (task) => streams.ids.get(task) ?? null,
    pipelineIdOf: (name) => streams.pipelineIds.get(name) ?? null,
    signal: asking,
  });
  const deeds: Deed[] = [];
  const recovering: Promise<Recovery | null>[] = [];
  const startedAt = performance.now();
  const told = (deed: Deed) => {
    deeds.push(deed);
    recovering.push(timeRecovery(deed, { home: system.home, connection, signal: asking }));
    options.tell(`${clock(startedAt)}  ${deedLine(deed)}`);
  };
  {
    await using disturber = new Disturber(system.home, told);
    using _progress = tellProgress(options, startedAt, () => progressLine(submitter, streams, deeds));
    await Promise.all([load(submitter, streams, seed, storm), disturb(disturber, seed, storm)]);
  }
  signal.throwIfAborted();
  options.tell(`${clock(startedAt)}  the storm is over`);
  const calmAt = performance.now();
  const broken: Broken[] = [];
  using _progress = tellProgress(options, startedAt, () => progressLine(submitter, streams, deeds));
  if (!(await becomesQuiet(submitter, streams, signal))) {
    broken.push({
      promise: 'quiet in the end',
      what: `${streams.inFlight} tasks are not over after ${quietLimitMs / 1_000} s`,
    });
  }
  const leaks = await leaksWhenIdle(system, signal);
  const quietAfterMs = Math.round(performance.now() - calmAt);
  await streams.caughtUp(readLimitMs);
  calm.abort();
  const recoveries = (await Promise.all(recovering)).filter((recovery) => recovery !== null);
  const { starts, watched } = await consoles.read();
  const { submissions, pipelines } = submitter;
  const evidence = { submissions, pipelines, deeds, streams, starts, watched };
  return (left) => reportOf(evidence, { seed, minutes, recoveries, quietAfterMs, leaks: [...leaks, ...left], broken });
}

async function load(submitter: Submitter, streams: StreamWatch, seed: number, storm: AbortSignal): Promise<void> {
  const random = Random.of(seed, 'load');
  for (let number = 1; !storm.aborted; ) {
    const isPipeline = random.chance(pipelineShare);
    const begin = isPipeline ? pipelineOf(submitter, random, number) : taskOf(submitter, random, number);
    number += isPipeline ? 2 : 1;
    await pause(random.whole(0, longestPauseMs), storm);
    while (!storm.aborted && streams.inFlight + submitter.asking >= maxInFlight) await pause(throttleMs, storm);
    if (!storm.aborted) begin();
  }
}

function taskOf(submitter: Submitter, random: Random, number: number): () => void {
  const task = planTask(random, number);
  return () => submitter.begin(task);
}

function pipelineOf(submitter: Submitter, random: Random, number: number): () => void {
  const pipeline = planPipeline(random, number);
  return () => submitter.beginPipeline(pipeline);
}

async function disturb(disturber: Disturber, seed: number, storm: AbortSignal): Promise<void> {
  const random = Random.of(seed, 'storm');
  while (!storm.aborted) {
    const disturbance = planDisturbance(random);
    await pause(disturbance.afterMs, storm);
    if (!storm.aborted) disturber.carryOut(disturbance);
  }
}

/** True once every request is answered and every task is over. */
async function becomesQuiet(submitter: Submitter, streams: StreamWatch, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + quietLimitMs;
  let isAnswered = false;
  void submitter.settled().then(() => {
    isAnswered = true;
  });
  while (performance.now() < end) {
    signal.throwIfAborted();
    // A command that is stored is a task, however long intake takes.
    const causes = new Set(streams.events.map(causeOf));
    const isMade = [...streams.commands.keys(), ...streams.pipelineCommands].every((seq) => causes.has(String(seq)));
    if (isAnswered && isMade && streams.inFlight === 0) return true;
    await delay(throttleMs);
  }
  return false;
}

/** The command that a task or a pipeline comes from, or null. */
function causeOf({ data }: Stored): string | null {
  return 'cause' in data && data.cause.kind === 'command' ? data.cause.id : null;
}

/** What is still there when nothing more goes away: by the system's own audit, and by our own look. */
async function leaksWhenIdle(system: OwnSystem, signal: AbortSignal): Promise<{ kind: string; what: string }[]> {
  const end = performance.now() + scanLimitMs;
  for (;;) {
    signal.throwIfAborted();
    const found = [...(await audited(system)), ...scanIdle(system.home, system.temporary)];
    if (found.length === 0 || performance.now() > end) return found;
    await delay(scanEveryMs);
  }
}

async function audited(system: OwnSystem): Promise<{ kind: string; what: string }[]> {
  const { stdout, stderr } = await system.vmTask('audit', '--json');
  try {
    const { leaked, missing } = JSON.parse(stdout) as Record<
      'leaked' | 'missing',
      { kind: string; id: string; why: string }[]
    >;
    return [...leaked, ...missing].map(({ kind, id, why }) => ({ kind: `audited ${kind}`, what: `${id}: ${why}` }));
  } catch {
    return [{ kind: 'audit', what: `gave no answer: ${stdout}${stderr}` }];
  }
}

function connect({ home }: OwnSystem, user: BrokerUser): Promise<Connection> {
  return openConnection(readBrokerAddress(home, user), `chaos ${user}`);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

const progressEveryMs = 5_000;

function tellProgress({ tell }: ChaosOptions, startedAt: number, line: () => string): Disposable {
  const timer = setInterval(() => tell(`${clock(startedAt)}  ${line()}`), progressEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function progressLine(submitter: Submitter, streams: StreamWatch, deeds: readonly Deed[]): string {
  const asked = submitter.submissions.length + submitter.pipelines.length;
  const made = streams.ids.size + streams.pipelineIds.size;
  return `${asked} tasks and pipelines, ${made} made, ${made - streams.inFlight} over, ${deeds.length} disturbances`;
}

function deedLine({ target, act, lastsMs, pid, vm }: Deed): string {
  const lasts = act === 'stop' ? ` for ${(lastsMs / 1_000).toFixed(1)} s` : '';
  return `${act} ${target} ${vm ?? ''}(${pid})${lasts}`;
}

function clock(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s`;
}
