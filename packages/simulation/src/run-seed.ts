/** One seed from its beginning to its end: load and faults for a while, then calm, in which everything has to end well. */
import { parseConfig, type SystemConfig } from '@vm-task/shared/config';
import { streams } from '@vm-task/shared/streams';
import { lendMachine, type Machine } from './borrowed-machine.ts';
import { Broker, type BrokerWatch } from './broker/broker.ts';
import { DeadlinesKept } from './deadlines-kept.ts';
import { planDisturbances } from './disturbances.ts';
import { standingStill, unfinished } from './end-state.ts';
import { Faults } from './faults.ts';
import { Guests } from './guest.ts';
import { epochMs, Host, HostProcess } from './host.ts';
import { Ledger } from './ledger.ts';
import { planLoad } from './load.ts';
import { BrokerHost } from './network.ts';
import { Observations, type Violation } from './observations.ts';
import { People } from './people.ts';
import { noteNotStored, Properties } from './properties.ts';
import { Random } from './random.ts';
import { Service, type ServiceParts } from './services.ts';
import type { Sometimes } from './sometimes.ts';
import { VirtualTime, whoRuns } from './virtual-time.ts';

export interface SeedReport {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly seen: ReadonlySet<Sometimes>;
  /** Of everything that happened: equal for two runs of a seed. */
  readonly hash: string;
  readonly trace: readonly string[];
}

const seconds = 1_000;
/** Load and faults so long. */
const stormMs = 45 * seconds;
/** Past every deadline of a task and every growing pause, with room. */
const calmMs = 1_800 * seconds;
/** How often it is looked whether everything has ended. */
const lookEveryMs = 5 * seconds;

export async function runSeed(seed: number): Promise<SeedReport> {
  const time = new VirtualTime();
  const observations = new Observations(() => time.nowMs);
  const host = new Host(time);
  lendMachine(machineOf(time, host, Random.of(seed, 'ids')));
  const failed = (error: unknown) => {
    observations.broken(
      'I13',
      `a rejection that nobody handles: ${error instanceof Error ? error.stack : String(error)}`,
    );
  };
  process.on('unhandledRejection', failed);
  try {
    await simulate(seed, time, observations, host);
  } finally {
    process.off('unhandledRejection', failed);
    lendMachine(null);
  }
  const { violation, seen, hash, lines } = observations;
  return { seed, violation, seen, hash, trace: lines };
}

function machineOf(time: VirtualTime, host: Host, ids: Random): Machine {
  const self = () => {
    const owner = whoRuns();
    return owner instanceof HostProcess ? owner : null;
  };
  return {
    setTimer: (delayMs, action) => time.after(delayMs, whoRuns(), action),
    wallMs: () => host.wallMs,
    monotonicMs: () => time.nowMs - (self()?.startedMs ?? 0),
    randomBytes: (count) => ids.bytes(count),
    get pid() {
      return self()?.pid ?? 1;
    },
    readProc: (path) => host.readProc(path),
  };
}

async function simulate(seed: number, time: VirtualTime, observations: Observations, host: Host): Promise<void> {
  const random = Random.of(seed, 'world');
  const config = configOf(random);
  const faults = new Faults(Random.of(seed, 'faults'), time, observations);
  const ledger = new Ledger({ host, faults, observations });
  const guests = new Guests({ time, faults, observations, ledger });
  const properties = new Properties(observations);
  const watch: BrokerWatch = {
    onStored: (stream, message) => properties.onStored(stream, message, guests),
    onNotStored: (answer, publication) => {
      const last = broker.streamOf(publication.subject).lastOf(publication.subject);
      noteNotStored(observations, answer, publication, last);
    },
    onDelivered: ({ deliveries }) => {
      if (deliveries > 1) observations.sometimes('a message was delivered again');
    },
    onAck: (durable, message) => properties.onAck(durable, message),
  };
  const clock = {
    nowMs: () => epochMs + time.nowMs,
    after: (delayMs: number, action: () => void) => time.after(delayMs, null, action),
  };
  const broker = new Broker(Object.values(streams), clock, { watch, isOfThree: random.chance(0.5) });
  const brokerHost = new BrokerHost(broker);
  const parts: ServiceParts = { time, faults, observations, host, brokerHost, ledger, guests, config };
  const services = startServices(random, parts);
  const people = new People({ ...parts, broker, services, properties });
  people.follow(planLoad(random, stormMs));
  planDisturbances(random, { ...parts, services, untilMs: stormMs }, 1 * seconds);
  const limits = { poolMax: config.pools['default']?.max ?? 0, hostMax: config.host.maxVms };
  const sites = [{ ledger, reaper: services.find(({ name }) => name === 'reaper') as Service }];
  const times = { sweepMs: config.reaper.sweep, cancelGraceMs: config.cancel.grace };
  const deadlines = new DeadlinesKept({ properties, observations, brokerHost, sites, ...times });
  const afterEach = () => {
    properties.onStep(ledger, limits);
    deadlines.onStep(time.nowMs);
  };
  const broke = () => observations.violation !== null;
  faults.isOn = true;
  await time.run(broke, stormMs, afterEach);
  faults.isOn = false;
  brokerHost.comeUp();
  const provisioners = services.filter(({ name }) => name === 'provisioner').length;
  const warm = config.pools['default']?.warm ?? 0;
  const end = { broker, ledger, properties, people, guests, warm, provisioners };
  let open = unfinished(end);
  while (!broke() && open.length > 0 && time.nowMs < stormMs + calmMs) {
    await time.run(broke, time.nowMs + lookEveryMs, afterEach);
    open = unfinished(end);
    for (const { promise, what } of standingStill(end, stormMs, time.nowMs)) observations.broken(promise, what);
  }
  for (const { promise, what } of open) observations.broken(promise, what);
}

function configOf(random: Random): SystemConfig {
  const max = random.whole(1, 3);
  const warm = random.whole(0, Math.min(1, max));
  const text = `
    pools: { default: { max: ${max}, warm: ${warm} } }
    host: { maxVms: ${random.whole(max, 3)} }
    runner: { maxTasks: ${max} }
    cancel: { grace: 2s }
    reaper: { sweep: 5s, orphanGrace: 15s }`;
  return parseConfig(text, 'simulation');
}

function startServices(random: Random, parts: ServiceParts): readonly Service[] {
  const runners = random.chance(0.5) ? 1 : 2;
  const provisioners = random.chance(0.7) ? 1 : 2;
  if (runners > 1) parts.observations.sometimes('two runners at once');
  if (provisioners > 1) parts.observations.sometimes('two provisioners at once');
  const counts = { intake: 1, provisioner: provisioners, runner: runners, reaper: 1 } as const;
  const services = (['intake', 'provisioner', 'runner', 'reaper'] as const).flatMap((name) =>
    Array.from({ length: counts[name] }, (_, index) => new Service(name, index + 1, parts)),
  );
  for (const service of services) service.start();
  return services;
}
