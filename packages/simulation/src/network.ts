/**
 * The way between a service and the broker, with everything that goes wrong there: requests and answers lost, requests
 * that arrive after their sender gave up, messages lost or late, connections cut, a broker that is away for a while.
 */
import { TimeoutError } from '@nats-io/transport-node';
import { requestTimeoutMs } from '@vm-task/bus/connection';
import type { Broker } from './broker/broker.ts';
import type { Network } from './broker/connection.ts';
import type { Faults } from './faults.ts';
import type { HostProcess } from './host.ts';
import type { Observations } from './observations.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface NetworkParts {
  readonly time: VirtualTime;
  readonly faults: Faults;
  readonly observations: Observations;
}

/** The way of one request, there or back, over the loopback and through an fsync. */
const wayMs = [0.05, 3] as const;
/** Late enough to arrive after its sender has given up, and after others have gone on. */
const slowMs = [10, 9_000] as const;
/** The client tries every 250 to 500 ms. */
const reconnectMs = [250, 600] as const;

/** The broker's process, which can be away; what it has stored stays. */
export class BrokerHost {
  isUp = true;
  readonly broker: Broker;
  readonly #links = new Set<Link>();

  constructor(broker: Broker) {
    this.broker = broker;
  }

  join(link: Link): void {
    this.#links.add(link);
  }

  leave(link: Link): void {
    this.#links.delete(link);
    this.broker.dropClient((client) => client === link);
  }

  goDown(): void {
    this.isUp = false;
    this.broker.schedules.isRunning = false;
    for (const link of this.#links) link.cut();
  }

  comeUp(): void {
    if (this.isUp) return;
    this.isUp = true;
    for (const link of this.#links) link.reconnect();
    this.broker.schedules.isRunning = true;
  }

  get links(): readonly Link[] {
    return [...this.#links];
  }
}

export class Link implements Network {
  readonly #host: BrokerHost;
  readonly #process: HostProcess;
  readonly #parts: NetworkParts;
  readonly #listeners = new Set<() => void>();
  readonly #arrivals = new WeakMap<object, number>();
  /** What was on its way over an earlier connection does not arrive. */
  #connection = 1;
  #isConnected = true;

  constructor(host: BrokerHost, process: HostProcess, parts: NetworkParts) {
    this.#host = host;
    this.#process = process;
    this.#parts = parts;
    host.join(this);
    process.onDeath(() => host.leave(this));
  }

  get client(): unknown {
    return this;
  }

  request<T>(what: string, perform: () => T): Promise<T> {
    const { time, faults, observations } = this.#parts;
    return new Promise<T>((resolve, reject) => {
      if (faults.crashes(this.#process, what, 'before')) return;
      const patience = time.after(requestTimeoutMs, this.#process, () => reject(new TimeoutError()));
      this.#toBroker(what, () => {
        const answer = outcomeOf(perform);
        observations.trace(`${this.#process.name} ${what}: ${answer.kind}`);
        if (faults.crashes(this.#process, what, 'after')) return;
        if (faults.happens('lostAnswer')) {
          observations.sometimes('an answer was lost');
          this.#disturbed();
          return;
        }
        this.#back(() => {
          patience.cancel();
          if (answer.kind === 'done') resolve(answer.value);
          else reject(answer.error);
        });
      });
    });
  }

  send(what: string, perform: () => void): void {
    if (this.#parts.faults.crashes(this.#process, what, 'before')) return;
    this.#toBroker(what, () => {
      this.#parts.observations.trace(`${this.#process.name} ${what}`);
      perform();
    });
  }

  deliver(order: object, arrive: () => void): void {
    const { time, faults, observations } = this.#parts;
    if (faults.happens('lostDelivery')) {
      observations.sometimes('a connection broke under a delivery');
      this.#break();
      return;
    }
    const takesMs = faults.happens('slowDelivery') ? faults.between(...slowMs) : faults.between(...wayMs);
    if (takesMs > wayMs[1]) this.#disturbed(time.nowMs + takesMs);
    const atMs = Math.max(time.nowMs + takesMs, this.#arrivals.get(order) ?? 0);
    this.#arrivals.set(order, atMs);
    this.#back(arrive, atMs - time.nowMs);
  }

  onReconnect(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  #disturbed(untilMs = this.#parts.time.nowMs): void {
    this.#process.disturbedAtMs = Math.max(this.#process.disturbedAtMs, untilMs);
  }

  /** The broker has noticed; the client begins anew when it is back. */
  cut(): void {
    this.#connection += 1;
    this.#isConnected = false;
    this.#disturbed();
    this.#host.broker.dropClient((client) => client === this);
  }

  reconnect(): void {
    const { time, faults } = this.#parts;
    const connection = this.#connection;
    time.after(faults.between(...reconnectMs), this.#process, () => {
      if (connection !== this.#connection || !this.#host.isUp) return;
      this.#isConnected = true;
      this.#disturbed();
      for (const listener of [...this.#listeners]) listener();
    });
  }

  #break(): void {
    this.cut();
    this.reconnect();
  }

  /** What a broken connection has not sent yet is sent when it is whole again, or lost with it. */
  #toBroker(what: string, perform: () => void): void {
    const { time, faults, observations } = this.#parts;
    if (faults.happens('lostRequest')) {
      observations.trace(`lost: ${this.#process.name} ${what}`);
      observations.sometimes('a request was lost');
      this.#disturbed();
      return;
    }
    const isSlow = faults.happens('slowRequest');
    if (isSlow) observations.sometimes('a request was slow');
    const takesMs = isSlow ? faults.between(...slowMs) : faults.between(...wayMs);
    if (isSlow) this.#disturbed(time.nowMs + takesMs);
    const connection = this.#connection;
    // What has left the process arrives although it dies.
    time.after(takesMs, null, () => {
      if (this.#host.isUp && (isSlow || (this.#isConnected && connection === this.#connection))) perform();
      else {
        observations.trace(`lost with its connection: ${this.#process.name} ${what}`);
        this.#disturbed();
      }
    });
  }

  #back(arrive: () => void, afterMs = this.#parts.faults.between(...wayMs)): void {
    const connection = this.#connection;
    this.#parts.time.after(afterMs, this.#process, () => {
      if (connection === this.#connection) arrive();
    });
  }
}

type Answer<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'refused'; readonly error: unknown };

function outcomeOf<T>(perform: () => T): Answer<T> {
  try {
    return { kind: 'done', value: perform() };
  } catch (error) {
    return { kind: 'refused', error };
  }
}
