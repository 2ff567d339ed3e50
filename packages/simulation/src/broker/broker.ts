/**
 * nats-server, as far as the bus relies on it: a program of its own, which loses nothing that it has acknowledged. It
 * knows nothing of the network; `connection.ts` does.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { type BrokerClock, type Delivered, Durable, type DurableConfig, type Pull } from './durable.ts';
import { Schedules } from './schedules.ts';
import { type PubAnswer, type Publication, type StoredMessage, Stream, type StreamDefinition } from './stream.ts';

export interface Follower {
  readonly client: unknown;
  deliver(message: StoredMessage, pending: number): void;
}

/** What a follower's client holds of it. */
export interface Following {
  /** False once nothing more is sent. */
  readonly isOn: boolean;
  stop(): void;
}

interface Followed extends Follower {
  readonly stream: Stream;
  readonly filter: string;
  next: number;
}

export type NotStored = 'refused' | 'full' | 'duplicate';

/** Is told what happens, the moment it has. */
export interface BrokerWatch {
  readonly onStored: (stream: string, message: StoredMessage, publication: Publication) => void;
  readonly onNotStored: (answer: NotStored, publication: Publication) => void;
  readonly onDelivered: (delivered: Delivered) => void;
  /** Just before an acknowledgement is taken. */
  readonly onAck: (durable: string, message: StoredMessage) => void;
}

export type Settling =
  | { readonly kind: 'ack' | 'term' | 'working' }
  | { readonly kind: 'nak'; readonly afterMs: number };

/** The broker's code for it. */
const streamFull = 10077;

const nothing = () => undefined;
const noWatch: BrokerWatch = { onStored: nothing, onNotStored: nothing, onDelivered: nothing, onAck: nothing };

export class Broker {
  readonly #clock: BrokerClock;
  readonly #watch: BrokerWatch;
  readonly #streams = new Map<string, Stream>();
  readonly #durables = new Map<string, Durable>();
  readonly #followers = new Set<Followed>();
  readonly isOfThree: boolean;
  readonly schedules: Schedules;
  readonly createdMs: number;

  /** `isOfThree`: a cluster, which answers what is sent again in another way. */
  constructor(
    definitions: Iterable<StreamDefinition>,
    clock: BrokerClock,
    { watch = noWatch, isOfThree = false }: { watch?: BrokerWatch; isOfThree?: boolean } = {},
  ) {
    this.#clock = clock;
    this.#watch = watch;
    this.isOfThree = isOfThree;
    this.createdMs = clock.nowMs();
    this.schedules = new Schedules(clock, (publication) => this.publish(publication));
    for (const definition of definitions) {
      this.#streams.set(definition.name, new Stream(definition, { nowMs: () => clock.nowMs(), isOfThree }));
    }
  }

  get nowMs(): number {
    return this.#clock.nowMs();
  }

  get durables(): readonly Durable[] {
    return [...this.#durables.values()];
  }

  stream(name: string): Stream {
    const stream = this.#streams.get(name);
    if (stream === undefined) throw apiError(404, 10059, 'stream not found');
    return stream;
  }

  /** The one that takes what is published there. */
  streamOf(subject: string): Stream {
    const stream = [...this.#streams.values()].find((one) => one.takes(subject));
    if (stream === undefined) throw new Error(`no stream takes ${subject}`);
    return stream;
  }

  /** @throws as `Stream.publish`. */
  publish(publication: Publication): PubAnswer {
    const stream = this.streamOf(publication.subject);
    const answer = this.#accept(stream, publication);
    if (answer.duplicate) return answer;
    const message = stream.at(answer.seq);
    if (message === null) throw new Error('it was stored');
    this.#watch.onStored(stream.name, message, publication);
    this.schedules.onStored(stream, message);
    for (const [key, durable] of this.#durables) if (key.startsWith(`${stream.name}/`)) durable.serve();
    for (const followed of this.#followers) if (followed.stream === stream) this.#sendOn(followed);
    return answer;
  }

  #accept(stream: Stream, publication: Publication): PubAnswer {
    try {
      const answer = stream.publish(publication);
      if (answer.duplicate) this.#watch.onNotStored('duplicate', publication);
      return answer;
    } catch (error) {
      const isFull = error instanceof JetStreamApiError && error.code === streamFull;
      this.#watch.onNotStored(isFull ? 'full' : 'refused', publication);
      throw error;
    }
  }

  /** Made, or found; one that differs is refused. */
  makeDurable(streamName: string, config: DurableConfig): Durable {
    const key = `${streamName}/${config.durable_name}`;
    const found = this.#durables.get(key);
    if (found !== undefined) return found;
    const durable = new Durable(config, this.stream(streamName), this.#clock, this.#watch.onDelivered);
    this.#durables.set(key, durable);
    return durable;
  }

  durable(streamName: string, name: string): Durable {
    const durable = this.#durables.get(`${streamName}/${name}`);
    if (durable === undefined) throw apiError(404, 10014, 'consumer not found');
    return durable;
  }

  settle(streamName: string, name: string, seq: number, settling: Settling): void {
    const durable = this.durable(streamName, name);
    if (settling.kind === 'working') durable.working(seq);
    else if (settling.kind === 'nak') durable.giveBack(seq, settling.afterMs);
    else {
      const message = this.stream(streamName).at(seq);
      if (settling.kind === 'ack' && message !== null) this.#watch.onAck(name, message);
      durable.settle(seq);
    }
  }

  pull(streamName: string, name: string, pull: Pull, expiresMs: number): void {
    this.durable(streamName, name).pull(pull, expiresMs);
  }

  /** Everything from a sequence on, in order, then what comes. */
  follow(streamName: string, filter: string, from: number, follower: Follower): Following {
    const followed: Followed = { ...follower, stream: this.stream(streamName), filter, next: from };
    const followers = this.#followers.add(followed);
    this.#sendOn(followed);
    return {
      get isOn() {
        return followers.has(followed);
      },
      stop: () => void followers.delete(followed),
    };
  }

  /** Until everything is sent, or the connection breaks under it. */
  #sendOn(followed: Followed): void {
    const { stream, filter } = followed;
    while (this.#followers.has(followed)) {
      const message = stream.nextFrom(followed.next, filter);
      if (message === null) return;
      followed.next = message.seq + 1;
      followed.deliver(message, stream.countFrom(followed.next, filter));
    }
  }

  /** What a connection leaves behind when it closes: nothing is sent to it any more. */
  dropClient(which: (client: unknown) => boolean): void {
    for (const durable of this.#durables.values()) durable.drop(({ client }) => which(client));
    for (const followed of this.#followers) if (which(followed.client)) this.#followers.delete(followed);
  }
}

function apiError(code: number, err_code: number, description: string): JetStreamApiError {
  return new JetStreamApiError({ code, err_code, description });
}
