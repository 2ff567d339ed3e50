/**
 * What goes wrong, by chance. Each seed has its own rates, and in many seeds a kind of fault never happens: what two
 * kinds hide together, one alone may show.
 */
import type { HostProcess } from './host.ts';
import type { Observations } from './observations.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** The probability of each, every time that it could happen. */
export interface Rates {
  readonly crash: number;
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly slowRequest: number;
  readonly lostDelivery: number;
  readonly slowDelivery: number;
  readonly hypervisorFails: number;
  readonly guestBreaks: number;
}

const highest: Rates = {
  crash: 0.06,
  lostRequest: 0.12,
  lostAnswer: 0.12,
  slowRequest: 0.12,
  lostDelivery: 0.06,
  slowDelivery: 0.06,
  hypervisorFails: 0.2,
  guestBreaks: 0.1,
};

/** What makes everything late: in some seeds nothing does, so that lateness is checked strictly (I7). */
const ofNetwork: readonly string[] = ['lostRequest', 'lostAnswer', 'slowRequest', 'lostDelivery', 'slowDelivery'];

function ratesOf(random: Random): Rates {
  const isPunctual = random.chance(0.2);
  const rate = ([kind, most]: [string, number]) => {
    const isNever = random.chance(0.4) || (isPunctual && ofNetwork.includes(kind));
    return [kind, isNever ? 0 : random.between(0, most)];
  };
  return Object.fromEntries(Object.entries(highest).map(rate)) as unknown as Rates;
}

const never = new Promise<never>(() => {});

export class Faults {
  readonly #random: Random;
  readonly #rates: Rates;
  readonly #time: VirtualTime;
  readonly #observations: Observations;
  /** False before the load begins and after the last fault: then everything works, and has to end well. */
  isOn = false;

  constructor(random: Random, time: VirtualTime, observations: Observations) {
    this.#random = random;
    this.#rates = ratesOf(random);
    this.#time = time;
    this.#observations = observations;
  }

  happens(kind: keyof Rates): boolean {
    return this.isOn && this.#random.chance(this.#rates[kind]);
  }

  between(fromMs: number, toMs: number): number {
    return this.#random.between(fromMs, toMs);
  }

  /** True when the process died just here, or is dead. */
  crashes(process: HostProcess, where: string, kind: 'before' | 'after'): boolean {
    if (!process.isAlive) return true;
    if (!this.happens('crash')) return false;
    this.#observations.trace(`${process.name} dies ${kind} ${where}`);
    this.#observations.sometimes(kind === 'before' ? 'crash before an effect' : 'crash after an effect');
    process.kill();
    return true;
  }

  /**
   * Something outside of the process that it waits for: takes its time; the process may die before it, or after it and
   * before it knows. Whoever has died waits for ever.
   */
  async effect<T>(process: HostProcess, what: string, perform: () => T, longestMs = 20): Promise<T> {
    if (this.crashes(process, what, 'before')) return never;
    await this.#time.sleep(this.between(0.1, longestMs), process);
    this.#observations.trace(`${process.name} ${what}`);
    const done = perform();
    if (this.crashes(process, what, 'after')) return never;
    await this.#time.sleep(this.between(0.1, 1), process);
    return done;
  }
}
