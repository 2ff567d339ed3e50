/** One seed from its beginning to its end: load and faults for a while, then calm, in which everything has to end well. */
import { lendMachine, type Machine } from './borrowed-machine.ts';
import { planDisturbances } from './disturbances.ts';
import { stalledTasks, unfinished } from './end-state.ts';
import { Host, HostProcess } from './host.ts';
import { planPipelines, planTasks } from './load.ts';
import { Observations, type Violation } from './observations.ts';
import { Random } from './random.ts';
import type { Sometimes } from './sometimes.ts';
import { VirtualTime, whoRuns } from './virtual-time.ts';
import { makeWorld } from './world.ts';

export interface SeedReport {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly seen: ReadonlySet<Sometimes>;
  /** Of everything that happened: equal for two runs of a seed. */
  readonly hash: string;
  readonly trace: readonly string[];
}

const seconds = 1_000;
/** Load so long, and faults. */
const stormMs = 45 * seconds;
const absenceMs = 30 * seconds;
/** In some seeds the faults go on past the deadlines of what was begun, and whoever is absent may be so for long. */
const longStormMs = 240 * seconds;
const longAbsenceMs = 180 * seconds;
const longStorms = 0.08;
/** Past every deadline of a task and every growing pause, with room. */
const calmMs = 1_800 * seconds;
/** How often it is looked whether everything has ended. */
const lookEveryMs = 5 * seconds;

export async function runSeed(seed: number): Promise<SeedReport> {
  const time = new VirtualTime();
  const observations = new Observations(() => time.nowMs);
  const hosts = [new Host('host-1', time), new Host('host-2', time)] as const;
  lendMachine(machineOf(time, hosts[0], Random.of(seed, 'ids')));
  const failed = (error: unknown) => {
    observations.broken(
      'I13',
      `a rejection that nobody handles: ${error instanceof Error ? error.stack : String(error)}`,
    );
  };
  process.on('unhandledRejection', failed);
  try {
    await simulate(seed, time, observations, hosts);
  } finally {
    process.off('unhandledRejection', failed);
    lendMachine(null);
  }
  const { violation, seen, hash, lines } = observations;
  return { seed, violation, seen, hash, trace: lines };
}

/** `anyHost`: asked by what runs on none. */
function machineOf(time: VirtualTime, anyHost: Host, ids: Random): Machine {
  const self = () => {
    const owner = whoRuns();
    return owner instanceof HostProcess ? owner : null;
  };
  const host = () => self()?.host ?? anyHost;
  return {
    setTimer: (delayMs, action) => time.after(delayMs, whoRuns(), action),
    wallMs: () => host().wallMs,
    monotonicMs: () => time.nowMs - (self()?.startedMs ?? 0),
    randomBytes: (count) => ids.bytes(count),
    get pid() {
      return self()?.pid ?? 1;
    },
    uptimeMs: () => host().uptimeMs,
    readProc: (path) => host().readProc(path),
  };
}

async function simulate(
  seed: number,
  time: VirtualTime,
  observations: Observations,
  hosts: readonly [Host, Host],
): Promise<void> {
  const random = Random.of(seed, 'world');
  const isLong = random.chance(longStorms);
  const untilMs = isLong ? longStormMs : stormMs;
  const pipelines = planPipelines(Random.of(seed, 'pipelines'), stormMs);
  const world = makeWorld({ seed, random, time, observations, hosts, hasPipelines: pipelines.length > 0 });
  const { faults, brokerHost, people, onStep } = world;
  people.follow([...planTasks(random, stormMs), ...pipelines]);
  const longestMs = isLong ? longAbsenceMs : absenceMs;
  world.intruder.begin(brokerHost, untilMs);
  world.laterVersion.begin(brokerHost, untilMs);
  world.children.begin(brokerHost, untilMs);
  planDisturbances(random, { ...world, time, observations, untilMs, longestMs }, 1 * seconds);
  const broke = () => observations.violation !== null;
  faults.isOn = true;
  await time.run(broke, untilMs, onStep);
  faults.isOn = false;
  brokerHost.comeUp();
  let open = unfinished(world);
  while (!broke() && open.length > 0 && time.nowMs < untilMs + calmMs) {
    await time.run(broke, time.nowMs + lookEveryMs, onStep);
    open = unfinished(world);
    for (const { promise, what } of stalledTasks(world, untilMs, time.nowMs)) observations.broken(promise, what);
  }
  for (const { promise, what } of open) observations.broken(promise, what);
}
