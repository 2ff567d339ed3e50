/** Random operations of one seed on one stream, as the bus does them, and what a broker answered to each. */
import { AckPolicy, DeliverPolicy, JetStreamApiError, type JsMsg } from '@nats-io/jetstream';
import type { Connection } from '@vm-task/bus/connection';
import type { StreamDefinition } from '../src/broker/stream.ts';
import { Random } from '../src/random.ts';

/**
 * Operations begin on a grid of time. A pull (which the client lets last a second at least) is over before anything comes
 * back by itself, and what comes back then does so at moments that are far from each other and from the next operation.
 * So both brokers agree on what was first, although neither is exact. For that price nothing comes back to a pull that
 * waits already; the simulation's own seeds have that all the time.
 */
export const gridMs = 1_800;
/** Whatever is done has to begin, and to reach the broker, so soon; on a machine that is slower nothing is proved. */
export const slackMs = 120;
const pullMs = 1_000;
const ackWaitMs = gridMs + 1_250;
const nakMs = 1_500;
const windowMs = 2 * gridMs + 700;
const longWaitMs = gridMs + 100;
const nanosPerMs = 1_000_000;

export function streamOf(seed: number): StreamDefinition {
  return {
    name: `PROOF-${seed}`,
    subjects: [`proof-${seed}.*.*`],
    duplicate_window: windowMs * nanosPerMs,
  };
}

export function consumerOf(seed: number) {
  return {
    durable_name: 'worker',
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ackWaitMs * nanosPerMs,
    max_deliver: -1,
    filter_subject: `proof-${seed}.a.*`,
  };
}

/** Headers that the bus reads: what a publication expected, and of what a message is a copy. */
const compared = [
  'Nats-Msg-Id',
  'Nats-Expected-Last-Subject-Sequence',
  'Nats-Expected-Last-Subject-Sequence-Subject',
  'Nats-Stream',
  'Nats-Sequence',
];

type Answer = (side: Side) => Promise<unknown>;

/** One broker under test: what was received from it and is not settled. */
export interface Side {
  readonly connection: Connection;
  readonly inFlight: JsMsg[];
  readonly followed: string[];
}

export interface Operation {
  readonly what: string;
  readonly answer: Answer;
}

export class Operations {
  readonly #random: Random;
  readonly #stream: string;
  readonly #prefix: string;
  /** A purge reorders what is to be delivered again; only what nobody works on is ever purged. */
  #hasPulled = false;

  constructor(seed: number) {
    this.#random = Random.of(seed, 'operations');
    this.#stream = `PROOF-${seed}`;
    this.#prefix = `proof-${seed}`;
  }

  next(): Operation {
    const dice = this.#random.next();
    if (dice > 0.9 && !this.#hasPulled) return this.#purge();
    if (dice < 0.4) return this.#publish();
    if (dice < 0.55) return this.#look();
    if (dice < 0.72) return this.#pull();
    if (dice < 0.93) return this.#settle();
    return { what: 'wait', answer: async () => void (await sleep(longWaitMs)) };
  }

  #subject(): string {
    return `${this.#prefix}.${this.#random.pick(['a', 'b'])}.${this.#random.pick(['x', 'y'])}`;
  }

  #pattern(): string {
    return this.#random.pick([`${this.#prefix}.*.x`, `${this.#prefix}.a.*`, `${this.#prefix}.*.*`, this.#subject()]);
  }

  #publish(): Operation {
    const subject = this.#subject();
    const msgID = this.#random.chance(0.6) ? `id-${this.#random.whole(1, 4)}` : undefined;
    const expecting = this.#random.pick(['nothing', 'own', 'own', 'pattern', 'pattern'] as const);
    const filter = expecting === 'own' ? subject : `${this.#prefix}.*.${subject.split('.').at(-1)}`;
    const isWrong = this.#random.chance(0.2);
    const what = `publish ${subject} ${msgID} expecting ${expecting}${isWrong ? ', wrongly' : ''}`;
    return {
      what,
      answer: async ({ connection: { js, jsm } }) => {
        const last = (await jsm.streams.getMessage(this.#stream, { last_by_subj: filter }))?.seq ?? 0;
        const lastSubjectSequence = isWrong ? last + 1 : last;
        const pattern = expecting === 'pattern' ? { lastSubjectSequenceSubject: filter } : {};
        const expect = expecting === 'nothing' ? {} : { expect: { lastSubjectSequence, ...pattern } };
        const { seq, duplicate } = await js.publish(subject, what, { ...(msgID ? { msgID } : {}), ...expect });
        return { seq, duplicate };
      },
    };
  }

  #look(): Operation {
    const seq = this.#random.whole(1, 20);
    const query = this.#random.pick([
      { last_by_subj: this.#pattern() },
      { seq },
      { seq, next_by_subj: this.#pattern() },
    ]);
    return {
      what: `get ${JSON.stringify(query)}`,
      answer: async ({ connection: { jsm } }) => {
        const found = await jsm.streams.getMessage(this.#stream, query);
        return found === null
          ? null
          : [found.seq, found.subject, compared.map((name) => found.header.values(name)), text(found.data)];
      },
    };
  }

  #pull(): Operation {
    this.#hasPulled = true;
    return {
      what: 'pull',
      answer: async ({ connection: { js }, inFlight }) => {
        const consumer = await js.consumers.get(this.#stream, 'worker');
        for await (const message of await consumer.fetch({ max_messages: 1, expires: pullMs })) {
          inFlight.push(message);
          const { seq, subject, data, info } = message;
          // How many are pending is not compared: the bus asks no durable for it, and a purge leaves the real one wrong.
          return [seq, subject, text(data), info.deliveryCount];
        }
        return null;
      },
    };
  }

  #settle(): Operation {
    const which = this.#random.next();
    const how = this.#random.pick(['ack', 'ack', 'nak', 'nak later', 'term', 'working'] as const);
    return {
      what: how,
      answer: async ({ connection: { jsm }, inFlight }) => {
        const index = Math.floor(which * inFlight.length);
        const [message] = how === 'working' ? inFlight.slice(index, index + 1) : inFlight.splice(index, 1);
        if (message === undefined) return null;
        const answer = await settle(message, how);
        // Whatever was sent before is done when this is answered.
        await jsm.consumers.info(this.#stream, 'worker');
        return [message.seq, answer];
      },
    };
  }

  #purge(): Operation {
    const filter = this.#pattern();
    return {
      what: `purge ${filter}`,
      answer: async ({ connection: { jsm } }) => void (await jsm.streams.purge(this.#stream, { filter })),
    };
  }
}

async function settle(message: JsMsg, how: 'ack' | 'nak' | 'nak later' | 'term' | 'working'): Promise<unknown> {
  switch (how) {
    case 'ack':
      return message.ack();
    case 'nak':
      return message.nak();
    case 'nak later':
      return message.nak(nakMs);
    case 'term':
      return message.term();
    case 'working':
      return message.working();
  }
}

/** What a broker answered, or why it did not: its code for what it refuses. */
export async function answerOf({ answer }: Operation, side: Side): Promise<string> {
  try {
    return JSON.stringify((await answer(side)) ?? null);
  } catch (error) {
    return error instanceof JetStreamApiError ? `refused ${error.code}: ${error.message}` : String(error);
  }
}

const text = (data: Uint8Array) => Buffer.from(data).toString();
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
