/**
 * A service of a later version on the host that has an attempt's VM: it goes on with the attempt, in an event that nobody
 * here can read. From then on the attempt is its own; here only people and the time of the whole task may end it.
 */
import { encode, eventId } from '@vm-task/bus/envelope';
import { eventSubject, eventsOf } from '@vm-task/shared/subjects';
import * as sample from '@vm-task/testing/sample-events';
import type { Broker } from './broker/broker.ts';
import type { Publication } from './broker/stream.ts';
import { publicationOf } from './broker/wire.ts';
import type { BrokerHost } from './network.ts';
import type { Properties } from './properties.ts';
import type { Random } from './random.ts';
import type { SeenTask } from './seen-of-tasks.ts';
import type { VirtualTime } from './virtual-time.ts';

interface LaterVersionParts {
  readonly random: Random;
  readonly time: VirtualTime;
  readonly properties: Properties;
}

/** In other seeds there is none. */
const presence = 0.15;
const maxTimes = 3;
/** Of a task that has longer the end would not be seen. */
const longestTotalMs = 120_000;

export class LaterVersion {
  readonly #parts: LaterVersionParts;
  readonly #spokeOf = new WeakMap<Publication, SeenTask>();

  constructor(parts: LaterVersionParts) {
    this.#parts = parts;
  }

  /** In some seeds, a few times until then. */
  begin(brokerHost: BrokerHost, untilMs: number): void {
    const { time, random } = this.#parts;
    if (!random.chance(presence)) return;
    for (let count = random.whole(1, maxTimes); count > 0; count--) {
      time.after(random.between(0, untilMs), null, () => {
        const { broker } = brokerHost;
        const events = broker.stream('EVENTS');
        if (brokerHost.isUp && events.bytes < 0.9 * events.maxBytes) this.#goOn(broker);
      });
    }
  }

  /** The task that a publication of this one is about; null for those of others. */
  spokeOf(publication: Publication): SeenTask | null {
    return this.#spokeOf.get(publication) ?? null;
  }

  #goOn(broker: Broker): void {
    const { random, properties } = this.#parts;
    const running = properties.tasks.filter(({ eventStream, created }) => {
      const type = eventStream.at(-1)?.type;
      return (type === 'vm.ready' || type === 'task.resumed') && created.data.spec.timeouts.totalMs <= longestTotalMs;
    });
    if (running.length === 0) return;
    const task = random.pick(running);
    if (task.ready === null) return;
    const { host, data } = task.ready;
    const filter = eventsOf(data);
    const seq = broker.stream('EVENTS').lastOf(filter)?.seq ?? 0;
    const draft = sample.resumed(data.task, data.vm, { attempt: data.attempt, runner: 'of a later version' }, host);
    const { payload, headers } = encode(draft, eventId(draft, seq), 'later', new Date());
    const later = JSON.stringify({ ...JSON.parse(Buffer.from(payload).toString()), v: 2 });
    const expect = { lastSubjectSequence: seq, lastSubjectSequenceSubject: filter };
    const publication = publicationOf(eventSubject(draft), later, { headers, expect });
    this.#spokeOf.set(publication, task);
    broker.publish(publication);
  }
}
