/** The client's face on a simulated broker: of `Connection` exactly what the bus uses, over a network that may fail. */
import type { JsMsg } from '@nats-io/jetstream';
import type { Connection } from '@vm-task/bus/connection';
import { streams } from '@vm-task/bus/streams';
import { everything } from '@vm-task/shared/subjects';
import type { Broker, Following, Settling } from './broker.ts';
import type { Delivered, Pull } from './durable.ts';
import { Incoming } from './incoming.ts';
import type { StoredMessage, Stream } from './stream.ts';
import { type PublishOptions, publicationOf, storedOf } from './wire.ts';

/** The way between one client and the broker. */
export interface Network {
  /** Names the client; what it waits for is dropped when its connection is. */
  readonly client: unknown;
  /** Rejects as unanswered after the client's patience, whether or not `perform` has happened or will. */
  request<T>(what: string, perform: () => T): Promise<T>;
  /** Without an answer. */
  send(what: string, perform: () => void): void;
  /** From the broker to the client; those of one `order` arrive in order. */
  deliver(order: object, arrive: () => void): void;
  /** Called when a broken connection is whole again, until the function that it returns is called. */
  onReconnect(listener: () => void): () => void;
  /** False from the moment on that the client has noticed. */
  readonly isConnected: boolean;
}

/** Without a filter: everything. */
interface OrderedOptions {
  readonly filter_subjects?: readonly [string];
  readonly opt_start_seq: number;
}

type MessageQuery =
  | { readonly last_by_subj: string }
  | { readonly seq: number }
  /** The first one from a sequence on. */
  | { readonly seq: number; readonly next_by_subj: string };

/** The client misses two heartbeats before it acts; one is expected each half of a pull's time. */
const heartbeatsPerPull = 2;
const maxMissed = 2;

export function connectTo(broker: Broker, network: Network): Connection {
  const consumers = {
    get: async (stream: string, which: string | OrderedOptions) =>
      typeof which === 'string'
        ? durableConsumer(broker, network, stream, which)
        : orderedConsumer(broker, network, stream, which),
  };
  const js = {
    consumers,
    publish: (subject: string, data: Uint8Array | string, options: PublishOptions = {}) => {
      const publication = publicationOf(subject, data, options);
      return network.request(`publish ${subject}`, () => broker.publish(publication));
    },
  };
  const connection = {
    nc: { subscribe: hearNothing, flush: () => network.request('flush', () => undefined) },
    js,
    jsm: management(broker, network),
    [Symbol.asyncDispose]: async () => undefined,
  };
  return connection as unknown as Connection;
}

/** Nobody asks for replays of dead letters here. */
function hearNothing() {
  const incoming = new Incoming<never>();
  return Object.assign(incoming, { unsubscribe: () => incoming.end() });
}

function management(broker: Broker, network: Network) {
  const makeConsumer = (stream: string, config: Parameters<Broker['makeDurable']>[1]) =>
    network.request('make consumer', () => ({ config: broker.makeDurable(stream, config).config }));
  return {
    streams: {
      info: (name: string, { subjects_filter: filter }: { subjects_filter?: string } = {}) =>
        network.request(`info ${name}`, () => ({
          config: streams[name as keyof typeof streams],
          created: new Date(broker.createdMs).toISOString(),
          state: {
            last_seq: broker.stream(name).lastSeq,
            messages: broker.stream(name).messages.length,
            bytes: broker.stream(name).bytes,
            ...(filter === undefined ? {} : { subjects: broker.stream(name).subjectsOn(filter) }),
          },
          ts: new Date(broker.nowMs).toISOString(),
        })),
      getMessage: (name: string, query: MessageQuery) =>
        network.request(`get ${name}`, () => {
          const found = messageAt(broker.stream(name), query);
          return found === null ? null : storedOf(found);
        }),
      purge: (name: string, { filter }: { filter: string }) =>
        network.request(`purge ${name}`, () => broker.stream(name).purge(filter)),
    },
    consumers: {
      add: makeConsumer,
      info: (stream: string, name: string) =>
        network.request('consumer info', () => ({ config: broker.durable(stream, name).config })),
    },
  };
}

function messageAt(stream: Stream, query: MessageQuery): StoredMessage | null {
  if ('last_by_subj' in query) return stream.lastOf(query.last_by_subj);
  return 'next_by_subj' in query ? stream.nextFrom(query.seq, query.next_by_subj) : stream.at(query.seq);
}

function durableConsumer(broker: Broker, network: Network, stream: string, name: string) {
  const fetch = async ({ expires }: { expires: number }) => {
    const incoming = new Incoming<JsMsg>();
    const arrive = (delivered: Delivered) => {
      incoming.push(messageOf(broker, network, { stream, name }, delivered));
      incoming.end();
    };
    let waiting: Pull | null = null;
    const pull = () =>
      network.send('pull', () => {
        waiting = {
          client: network.client,
          deliver: (delivered) => network.deliver(incoming, () => arrive(delivered)),
          expire: () => network.deliver(incoming, () => incoming.end()),
        };
        broker.pull(stream, name, waiting, expires);
      });
    const unsubscribe = () =>
      network.request('unsubscribe', () => broker.durable(stream, name).drop((one) => one === waiting));
    const giveUp = setTimeout(
      () => incoming.end(new Error('heartbeats missed')),
      (expires / heartbeatsPerPull) * (maxMissed + 1),
    );
    const forget = network.onReconnect(pull);
    incoming.onEnd(() => {
      clearTimeout(giveUp);
      forget();
    });
    pull();
    const close = async () => incoming.end();
    return Object.assign(incoming, { close, sub: { drain: unsubscribe } });
  };
  const info = () => network.request('consumer info', () => ({ config: broker.durable(stream, name).config }));
  return { info, fetch };
}

function messageOf(
  broker: Broker,
  network: Network,
  { stream, name }: { stream: string; name: string },
  { message, deliveries, pending }: Delivered,
): JsMsg {
  const { seq, subject, headers, data, timeMs } = message;
  const what = `${name} ${seq}`;
  const settle = (settling: Settling) => () => broker.settle(stream, name, seq, settling);
  let isSettled = false;
  const once = (settling: Settling) => {
    if (isSettled) return;
    isSettled = settling.kind !== 'working';
    network.send(`${settling.kind} ${what}`, settle(settling));
  };
  return {
    seq,
    subject,
    headers,
    data,
    time: new Date(timeMs),
    info: { deliveryCount: deliveries, pending },
    working: () => once({ kind: 'working' }),
    ack: () => once({ kind: 'ack' }),
    nak: (afterMs = 0) => once({ kind: 'nak', afterMs }),
    term: () => once({ kind: 'term' }),
  } as unknown as JsMsg;
}

async function orderedConsumer(
  broker: Broker,
  network: Network,
  stream: string,
  { filter_subjects: [filter] = [everything], opt_start_seq: from }: OrderedOptions,
) {
  const consume = async ({ expires }: { expires: number }) => {
    const incoming = new Incoming<JsMsg>();
    let next = from;
    const arrive = (message: StoredMessage, pending: number) => {
      // Sent again, behind the last that had come when the client asked.
      if (message.seq < next) return;
      next = message.seq + 1;
      const { seq, subject, headers, data, timeMs } = message;
      incoming.push({ seq, subject, headers, data, time: new Date(timeMs), info: { pending } } as JsMsg);
    };
    let following: Following | null = null;
    const subscribe = () =>
      network.send('follow', () => {
        following?.stop();
        following = broker.follow(stream, filter, next, {
          client: network.client,
          deliver: (message, pending) => network.deliver(incoming, () => arrive(message, pending)),
        });
      });
    // Not sent one by one: whoever the broker sends to hears them.
    const heartbeats = new Incoming<{ readonly type: 'heartbeat' }>();
    const beat = setInterval(() => {
      if (following?.isOn === true && network.isConnected) heartbeats.push({ type: 'heartbeat' });
    }, expires / heartbeatsPerPull);
    incoming.onEnd(() => {
      clearInterval(beat);
      heartbeats.end();
    });
    incoming.onEnd(stayFollowed({ network, subscribe, expires }));
    incoming.onEnd(() => network.send('unfollow', () => following?.stop()));
    subscribe();
    return Object.assign(incoming, { stop: () => incoming.end(), status: () => heartbeats });
  };
  await network.request('make ordered consumer', () => broker.stream(stream));
  return { consume, delete: async () => true };
}

interface Subscribing {
  readonly network: Network;
  readonly subscribe: () => void;
  readonly expires: number;
}

/**
 * As the client does it: after a broken connection it asks for its consumer, and for messages when it has an answer.
 * Without one it asks again after a whole pull's time. Until what is returned is called. When it misses heartbeats
 * it does the same, but goes by the wall clock: here, by one that is set back all the while, so that it never does.
 */
function stayFollowed({ network, subscribe, expires }: Subscribing): () => void {
  let [isLooking, isOver] = [false, false];
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    while (!isOver) {
      try {
        await network.request('follower info', () => undefined);
        if (!isOver) subscribe();
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, expires));
      }
    }
    isLooking = false;
  };
  const forget = network.onReconnect(() => void look());
  return () => {
    isOver = true;
    forget();
  };
}
