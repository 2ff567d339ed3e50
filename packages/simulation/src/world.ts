/** Everything of one seed, put together: the broker, one host or two, their services, and who watches over them. */

import { streams } from '@vm-task/bus/streams';
import { consumerConfig } from '@vm-task/bus/work';
import { parseConfig, type SystemConfig } from '@vm-task/service/config';
import { type Durable, durablesFor } from '@vm-task/shared/flow';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { Broker, type BrokerWatch } from './broker/broker.ts';
import type { Publication } from './broker/stream.ts';
import { Children } from './children.ts';
import { DeadlinesKept } from './deadlines-kept.ts';
import { Faults } from './faults.ts';
import { Guests } from './guest.ts';
import { epochMs, type Host } from './host.ts';
import { isWorkedOn } from './intake.ts';
import { Intruder } from './intruder.ts';
import { LaterVersion } from './later-version.ts';
import { Ledger } from './ledger.ts';
import { BrokerHost } from './network.ts';
import { noteNotStored } from './not-stored.ts';
import type { Observations } from './observations.ts';
import { People } from './people.ts';
import { Properties } from './properties.ts';
import { Random } from './random.ts';
import { Service, type ServiceParts } from './services.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface World {
  readonly faults: Faults;
  readonly broker: Broker;
  readonly brokerHost: BrokerHost;
  readonly ledgers: readonly Ledger[];
  readonly guests: Guests;
  readonly intruder: Intruder;
  readonly laterVersion: LaterVersion;
  readonly children: Children;
  readonly properties: Properties;
  readonly services: readonly Service[];
  readonly people: People;
  /** Of each pool. */
  readonly warm: number;
  /** On each host. */
  readonly provisioners: number;
  readonly onStep: () => void;
}

interface Beginning {
  readonly seed: number;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly observations: Observations;
  readonly hosts: readonly [Host, Host];
  readonly hasPipelines: boolean;
}

/** With its services running. */
export function makeWorld({ seed, random, time, observations, hosts: all, hasPipelines }: Beginning): World {
  const config = configOf(random);
  const faults = new Faults(Random.of(seed, 'faults'), time, observations);
  const hosts = random.chance(0.2) ? all : [all[0]];
  if (hosts.length > 1) observations.sometimes('two hosts at once');
  const ledgers = hosts.map((host) => new Ledger({ host, faults, observations }));
  const guests = new Guests({ time, faults, observations, ledgers });
  const properties = new Properties(observations);
  const durables = durablesFor(
    Object.keys(config.pools),
    hosts.map(({ name }) => name),
  );
  const worked = durables.filter((durable) => isWorkedOn(durable, hasPipelines));
  const intruder = new Intruder({ random: Random.of(seed, 'intruder'), time, observations, properties });
  const laterVersion = new LaterVersion({ random: Random.of(seed, 'later version'), time, properties });
  const children = new Children({ random: Random.of(seed, 'children'), time, properties });
  const strangers = { intruder, laterVersion };
  const broker = makeBroker({ random, time, observations, properties, guests, ...strangers, durables: worked });
  const brokerHost = new BrokerHost(broker);
  const isPlain = (task: TaskId) => properties.isPlain(task);
  const common = { time, faults, observations, brokerHost };
  const parts: ServiceParts = { ...common, guests, config, hasPipelines, isPlain };
  const provisioners = random.chance(0.7) ? 1 : 2;
  const services = startServices({ random, provisioners, ledgers, parts });
  const onAccepted = (id: TaskId | PipelineId) => properties.accepted(id);
  const people = new People({ ...common, broker, services, onAccepted });
  const limits = { poolMax: config.pools['default']?.max ?? 0, hostMax: config.host.maxVms };
  const events = broker.stream('EVENTS');
  const deadlines = new DeadlinesKept({
    properties,
    observations,
    isBrokerThere: () => brokerHost.isUp && events.bytes < events.maxBytes,
    reapers: services.filter(({ name }) => name === 'reaper'),
    sweepMs: config.reaper.sweep,
    cancelGraceMs: config.cancel.grace,
  });
  const onStep = () => {
    for (const ledger of ledgers) properties.onStep(ledger, limits);
    deadlines.onStep(time.nowMs);
  };
  const warm = config.pools['default']?.warm ?? 0;
  const parties = { services, people, children, ...strangers, guests };
  return { ...parties, faults, broker, brokerHost, ledgers, properties, warm, provisioners, onStep };
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

interface BrokerParts extends Pick<Beginning, 'random' | 'time' | 'observations'> {
  readonly properties: Properties;
  readonly guests: Guests;
  readonly intruder: Intruder;
  readonly laterVersion: LaterVersion;
  readonly durables: readonly Durable[];
}

/** With all that control makes before any service starts. */
function makeBroker(parts: BrokerParts): Broker {
  const { random, time, observations, properties, guests, intruder, laterVersion, durables } = parts;
  const watch: BrokerWatch = {
    onStored(stream, message, publication) {
      if (intruder.hasPublished(publication, message)) {
        observations.trace(`stored ${stream} ${message.seq} ${message.subject} by an intruder`);
        return;
      }
      const goneOnWith = laterVersion.spokeOf(publication);
      if (goneOnWith !== null) {
        properties.onLaterVersion(goneOnWith, message);
        return;
      }
      if (isBehindOthers(publication)) observations.sometimes('an append went behind what does not count');
      properties.onStored(stream, message, guests);
      const isCrowded = broker.stream('EVENTS').otherBytes > 0;
      if (isCrowded && message.subject.startsWith('task.completed.')) {
        observations.sometimes('a task ended while none was taken');
      }
    },
    onNotStored(answer, publication) {
      if (intruder.hasPublished(publication)) return;
      const last = broker.streamOf(publication.subject).lastOf(publication.subject);
      noteNotStored(observations, answer, publication, last);
    },
    onDelivered({ deliveries }) {
      if (deliveries > 1) observations.sometimes('a message was delivered again');
    },
    onAck(durable, message) {
      if (!intruder.hasSaid(message)) properties.onAck(durable, message);
    },
  };
  const clock = {
    nowMs: () => epochMs + time.nowMs,
    after: (delayMs: number, action: () => void) => time.after(delayMs, null, action),
  };
  const broker = new Broker(Object.values(streams), clock, { watch, isOfThree: random.chance(0.5) });
  for (const durable of durables) broker.makeDurable(durable.stream, consumerConfig(durable));
  return broker;
}

/** It expects another sequence than that of the event which it was decided on. */
function isBehindOthers({ headers, expect }: Publication): boolean {
  return expect?.filter.startsWith('*.*.') === true && headers.get('ce-id').split('/').at(-2) !== String(expect.last);
}

interface Starting {
  readonly random: Random;
  readonly provisioners: number;
  readonly ledgers: readonly Ledger[];
  readonly parts: ServiceParts;
}

/** One intake; a provisioner or two, a runner or two and a reaper on each host. */
function startServices({ random, provisioners, ledgers, parts }: Starting): readonly Service[] {
  const runners = random.chance(0.5) ? 1 : 2;
  if (runners > 1) parts.observations.sometimes('two runners at once');
  if (provisioners > 1) parts.observations.sometimes('two provisioners at once');
  const some = (name: Service['name'], count: number, on: () => Ledger) =>
    Array.from({ length: count }, (_, index) => new Service(name, index + 1, on(), parts));
  const services = [
    ...some('intake', 1, () => random.pick(ledgers)),
    ...ledgers.flatMap((ledger) => some('runner', runners, () => ledger)),
    ...ledgers.flatMap((ledger) => some('provisioner', provisioners, () => ledger)),
    ...ledgers.flatMap((ledger) => some('reaper', 1, () => ledger)),
  ];
  for (const service of services) service.start();
  return services;
}
