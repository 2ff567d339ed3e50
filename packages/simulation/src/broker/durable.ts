/** A durable consumer as nats-server keeps it: who waits for a message, what is out, when it comes back. */
import type { ConsumerConfig } from '@nats-io/jetstream';
import { everything } from '@vm-task/shared/subjects';
import type { Scheduled } from '../virtual-time.ts';
import type { StoredMessage, Stream } from './stream.ts';

export interface BrokerClock {
  nowMs(): number;
  after(delayMs: number, action: () => void): Scheduled;
}

export type DurableConfig = Pick<Partial<ConsumerConfig>, 'ack_wait' | 'filter_subject'> & {
  readonly durable_name: string;
};

/** The broker's. */
const defaultAckWaitNanos = 30 * 1_000_000_000;

export interface Delivered {
  readonly message: StoredMessage;
  readonly deliveries: number;
  /** Messages behind this one that were never delivered. */
  readonly pending: number;
}

/** A pull of one message. */
export interface Pull {
  readonly client: unknown;
  deliver(delivered: Delivered): void;
  expire(): void;
}

interface Out {
  comesBackAtMs: number;
}

export class Durable {
  readonly name: string;
  readonly filter: string;
  readonly config: object;
  readonly #ackWaitMs: number;
  readonly #stream: Stream;
  readonly #clock: BrokerClock;
  readonly #onDelivered: (delivered: Delivered) => void;
  readonly #waiting = new Map<Pull, Scheduled>();
  readonly #out = new Map<number, Out>();
  readonly #deliveries = new Map<number, number>();
  #toRedeliver: number[] = [];
  #next = 1;
  #alarm: Scheduled | null = null;

  constructor(config: DurableConfig, stream: Stream, clock: BrokerClock, onDelivered: (delivered: Delivered) => void) {
    this.#onDelivered = onDelivered;
    this.name = config.durable_name;
    this.filter = config.filter_subject ?? everything;
    this.config = config;
    this.#ackWaitMs = (config.ack_wait ?? defaultAckWaitNanos) / 1_000_000;
    this.#stream = stream;
    this.#clock = clock;
  }

  /** Messages that were delivered and not settled, and those still to come. */
  get open(): number {
    return this.#out.size + this.#stream.countFrom(this.#next, this.filter);
  }

  pull(pull: Pull, expiresMs: number): void {
    const expiry = this.#clock.after(expiresMs, () => {
      this.#waiting.delete(pull);
      pull.expire();
    });
    this.#waiting.set(pull, expiry);
    this.serve();
  }

  drop(which: (pull: Pull) => boolean): void {
    for (const [pull, expiry] of this.#waiting) {
      if (!which(pull)) continue;
      expiry.cancel();
      this.#waiting.delete(pull);
    }
  }

  /** Settles the message whoever says so: a late acknowledgement of a stale worker counts, too. */
  settle(seq: number): boolean {
    this.#deliveries.delete(seq);
    this.#toRedeliver = this.#toRedeliver.filter((one) => one !== seq);
    return this.#out.delete(seq);
  }

  giveBack(seq: number, afterMs: number): void {
    this.#collectLate();
    const out = this.#out.get(seq);
    if (out === undefined) return;
    if (afterMs > 0) {
      out.comesBackAtMs = this.#clock.nowMs() + afterMs;
      this.#toRedeliver = this.#toRedeliver.filter((one) => one !== seq);
    } else this.#queue(seq);
    this.serve();
  }

  /** Too late for one that is to be delivered again already. */
  working(seq: number): void {
    this.#collectLate();
    const out = this.#out.get(seq);
    if (out !== undefined) out.comesBackAtMs = this.#clock.nowMs() + this.#ackWaitMs;
  }

  /** What a server may have lost when it was killed: that these were delivered at all. */
  forget(count: number): number {
    const forgotten = [...this.#out.keys()].slice(-count);
    for (const seq of forgotten) {
      this.settle(seq);
      this.#next = Math.min(this.#next, seq);
    }
    return forgotten.length;
  }

  serve(): void {
    this.#collectLate();
    for (const [pull, expiry] of this.#waiting) {
      const message = this.#take();
      if (message === null) break;
      expiry.cancel();
      this.#waiting.delete(pull);
      const deliveries = (this.#deliveries.get(message.seq) ?? 0) + 1;
      this.#deliveries.set(message.seq, deliveries);
      this.#out.set(message.seq, { comesBackAtMs: this.#clock.nowMs() + this.#ackWaitMs });
      const delivered = { message, deliveries, pending: this.#stream.countFrom(this.#next, this.filter) };
      this.#onDelivered(delivered);
      pull.deliver(delivered);
    }
    this.#setAlarm();
  }

  #take(): StoredMessage | null {
    for (let seq = this.#toRedeliver.shift(); seq !== undefined; seq = this.#toRedeliver.shift()) {
      const message = this.#stream.at(seq);
      if (message !== null) return message;
      this.settle(seq);
    }
    let message = this.#stream.nextFrom(this.#next, this.filter);
    // What is out was delivered before the pointer was forgotten.
    while (message !== null && this.#out.has(message.seq)) {
      message = this.#stream.nextFrom(message.seq + 1, this.filter);
    }
    if (message !== null) this.#next = message.seq + 1;
    return message;
  }

  #queue(seq: number): void {
    if (!this.#toRedeliver.includes(seq)) this.#toRedeliver.push(seq);
  }

  /** Those that came back first are delivered first. */
  #collectLate(): void {
    const nowMs = this.#clock.nowMs();
    const late = [...this.#out].filter(([, { comesBackAtMs }]) => comesBackAtMs <= nowMs);
    late.sort(([a, outA], [b, outB]) => outA.comesBackAtMs - outB.comesBackAtMs || a - b);
    for (const [seq] of late) this.#queue(seq);
  }

  /** Only while somebody waits: else whoever comes next looks first. */
  #setAlarm(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    if (this.#waiting.size === 0 || this.#out.size === 0) return;
    const nextMs = Math.min(...[...this.#out.values()].map(({ comesBackAtMs }) => comesBackAtMs));
    this.#alarm = this.#clock.after(nextMs - this.#clock.nowMs(), () => this.serve());
  }
}
