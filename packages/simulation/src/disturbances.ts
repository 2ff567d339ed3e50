/** What happens to processes, clocks and machines at any moment, whatever the services are doing then. */
import type { Faults } from './faults.ts';
import type { Guests } from './guest.ts';
import type { Host } from './host.ts';
import type { Ledger } from './ledger.ts';
import type { BrokerHost } from './network.ts';
import type { Observations } from './observations.ts';
import type { Random } from './random.ts';
import type { Service } from './services.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Disturbed {
  readonly time: VirtualTime;
  readonly host: Host;
  readonly brokerHost: BrokerHost;
  readonly ledger: Ledger;
  readonly guests: Guests;
  readonly faults: Faults;
  readonly services: readonly Service[];
  readonly observations: Observations;
  /** Nothing lasts longer. */
  readonly untilMs: number;
}

type Disturbance = (disturbed: Disturbed, random: Random) => void;

const hourMs = 3_600_000;

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
    process.pausedUntilMs = Math.min(untilMs, time.nowMs + random.between(100, 40_000));
    observations.trace(`${process.name} is paused until ${process.pausedUntilMs.toFixed(3)}`);
    observations.sometimes('a service was paused');
  },
  brokerAway({ brokerHost, time, observations }, random) {
    if (!brokerHost.isUp) return;
    observations.trace('the broker is away');
    observations.sometimes('the broker was away');
    brokerHost.goDown();
    // What a server knew of deliveries may not have been on disk when it was killed.
    for (const durable of brokerHost.broker.durables) {
      if (random.chance(0.2) && durable.forget(random.whole(1, 3)) > 0) {
        observations.sometimes('the broker forgot deliveries');
      }
    }
    time.after(random.between(100, 30_000), null, () => {
      observations.trace('the broker is back');
      brokerHost.comeUp();
    });
  },
  timersLost({ brokerHost, observations }) {
    if (brokerHost.broker.schedules.forget() === 0) return;
    observations.trace('the broker has lost its timers');
    observations.sometimes('the broker lost a timer');
  },
  clockJump({ host, observations }, random) {
    host.wallSkewMs = random.between(-hourMs, hourMs);
    observations.trace(`the wall clock is set wrong by ${host.wallSkewMs.toFixed(0)} ms`);
    observations.sometimes('the wall clock jumped');
  },
  vmDies({ ledger, observations }, random) {
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
  stray({ ledger, observations }) {
    observations.sometimes('a stray appeared');
    ledger.addStray();
  },
  reboot({ host, ledger, observations }, random) {
    if (!random.chance(0.3)) return;
    observations.trace('the host is rebooted');
    observations.sometimes('the host was rebooted');
    host.reboot();
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
