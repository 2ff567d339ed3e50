/** What happens to processes, clocks and machines at any moment, whatever the services are doing then. */
import type { Faults } from './faults.ts';
import type { Guests } from './guest.ts';
import type { Ledger } from './ledger.ts';
import type { BrokerHost } from './network.ts';
import type { Observations } from './observations.ts';
import type { Random } from './random.ts';
import type { Service } from './services.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Disturbed {
  readonly time: VirtualTime;
  readonly brokerHost: BrokerHost;
  /** One of each host. */
  readonly ledgers: readonly Ledger[];
  readonly guests: Guests;
  readonly faults: Faults;
  readonly services: readonly Service[];
  readonly observations: Observations;
  /** Everything is over then. */
  readonly untilMs: number;
  /** The longest absence. */
  readonly longestMs: number;
}

type Disturbance = (disturbed: Disturbed, random: Random) => void;

const hourMs = 3_600_000;
/** Nobody waits so long by chance: deadlines pass meanwhile. */
const longMs = 60_000;

const disturbances: Readonly<Record<string, Disturbance>> = {
  kill({ services, observations }, random) {
    const { process } = random.pick(services);
    if (process === null) return;
    observations.trace(`${process.name} is killed`);
    observations.sometimes('a service was killed');
    process.kill();
  },
  drain({ services, observations }, random) {
    const service = random.pick(services);
    if (service.process === null) return;
    observations.trace(`${service.process.name} is drained`);
    observations.sometimes('a service was drained');
    service.drain();
  },
  pause({ services, time, observations, untilMs }, random) {
    const { process } = random.pick(services);
    if (process === null) return;
    // Never less than before: what arrived in between would go ahead of what waits already.
    const pausedUntilMs = Math.min(untilMs, time.nowMs + random.between(100, 40_000));
    process.pausedUntilMs = Math.max(process.pausedUntilMs, pausedUntilMs);
    observations.trace(`${process.name} is paused until ${process.pausedUntilMs.toFixed(3)}`);
    observations.sometimes('a service was paused');
  },
  down({ services, time, observations, untilMs, longestMs }, random) {
    const service = random.pick(services);
    const absentMs = Math.min(untilMs - time.nowMs, random.between(8_000, longestMs));
    observations.trace(`${service.name} is taken down for ${absentMs.toFixed(0)} ms`);
    if (absentMs > longMs) observations.sometimes('a service was down for long');
    service.takeDown(time.nowMs + absentMs);
  },
  brokerAway({ brokerHost, time, observations, untilMs, longestMs }, random) {
    if (!brokerHost.isUp) return;
    const absentMs = Math.min(untilMs - time.nowMs, random.between(100, longestMs));
    observations.trace('the broker is away');
    observations.sometimes(absentMs > longMs ? 'the broker was away for long' : 'the broker was away');
    brokerHost.goDown();
    // What a server knew of deliveries may not have been on disk when it was killed.
    for (const durable of brokerHost.broker.durables) {
      if (random.chance(0.2) && durable.forget(random.whole(1, 3)) > 0) {
        observations.sometimes('the broker forgot deliveries');
      }
    }
    time.after(absentMs, null, () => {
      observations.trace('the broker is back');
      brokerHost.comeUp();
    });
  },
  streamFull({ brokerHost, time, observations, untilMs }, random) {
    const stream = brokerHost.broker.stream('EVENTS');
    const isQuite = random.chance(0.5);
    stream.otherBytes = stream.maxBytes * (isQuite ? 1 : random.between(0.81, 0.99));
    observations.trace(isQuite ? 'the stream is full' : 'the stream is nearly full');
    observations.sometimes(isQuite ? 'the stream was full' : 'the stream was nearly full');
    time.after(Math.min(untilMs - time.nowMs, random.between(100, 30_000)), null, () => {
      observations.trace('the stream has room again');
      stream.otherBytes = 0;
    });
  },
  timersLost({ brokerHost, observations }) {
    if (brokerHost.broker.schedules.forget() === 0) return;
    observations.trace('the broker has lost its timers');
    observations.sometimes('the broker lost a timer');
  },
  clockJump({ ledgers, observations }, random) {
    const { host } = random.pick(ledgers);
    host.wallSkewMs = random.between(-hourMs, hourMs);
    observations.trace(`the wall clock of ${host.name} is set wrong by ${host.wallSkewMs.toFixed(0)} ms`);
    observations.sometimes('the wall clock jumped');
  },
  vmDies({ ledgers, observations }, random) {
    const ledger = random.pick(ledgers);
    const vms = ledger.machines;
    if (vms.length === 0) return;
    const vm = random.pick(vms);
    observations.trace(`${vm} dies`);
    observations.sometimes('a VM died');
    ledger.machine(vm)?.kill();
  },
  guestsUnreachable({ guests, observations }) {
    observations.trace('every connection to a guest breaks');
    guests.cutConnections();
  },
  stray({ ledgers, observations }, random) {
    observations.sometimes('a stray appeared');
    random.pick(ledgers).addStray();
  },
  reboot({ ledgers, observations }, random) {
    if (!random.chance(0.3)) return;
    const ledger = random.pick(ledgers);
    observations.trace(`${ledger.host.name} is rebooted`);
    observations.sometimes('the host was rebooted');
    ledger.host.reboot();
    ledger.afterReboot();
  },
};

/** Some kinds, some times, at any moment from then on. */
export function planDisturbances(random: Random, disturbed: Disturbed, fromMs: number): void {
  const kinds = Object.values(disturbances).filter(() => random.chance(0.5));
  if (kinds.length === 0) return;
  for (let count = random.whole(0, 20); count > 0; count--) {
    const happen = random.pick(kinds);
    disturbed.time.after(random.between(fromMs, disturbed.untilMs), null, () => happen(disturbed, random));
  }
}
