/**
 * Somebody who has the credentials of a host of their own, and publishes what these allow about tasks of other hosts.
 * The promises are checked as if nothing of it had been said. What any host may do is left out: to take a task that
 * waits, or to end one that has no VM.
 */
import { headers as newHeaders } from '@nats-io/transport-node';
import { permissionsOf } from '@vm-task/bus/accounts';
import { encode, eventId } from '@vm-task/bus/envelope';
import { attemptAt } from '@vm-task/shared/attempt-at';
import type { Draft } from '@vm-task/shared/events';
import { hostServices } from '@vm-task/shared/roles';
import { eventSubject, eventsOf, logSubject, subjectMatches } from '@vm-task/shared/subjects';
import * as sample from '@vm-task/testing/sample-events';
import type { Broker } from './broker/broker.ts';
import type { Publication, StoredMessage } from './broker/stream.ts';
import { type PublishOptions, publicationOf } from './broker/wire.ts';
import type { BrokerHost } from './network.ts';
import type { Observations } from './observations.ts';
import type { Properties } from './properties.ts';
import type { Random } from './random.ts';
import type { SeenTask } from './seen-of-tasks.ts';
import type { VirtualTime } from './virtual-time.ts';

interface IntruderParts {
  readonly random: Random;
  readonly time: VirtualTime;
  readonly observations: Observations;
  readonly properties: Properties;
}

const name = 'intruder';
/** In other seeds there is none. */
const presence = 0.3;
const pauseMs = [50, 1_500] as const;
const allowed = hostServices.flatMap((service) => permissionsOf(service, { host: name, pools: ['default'] }).publish);

type Saying = (task: SeenTask, attempt: number) => Draft;

const sayings: readonly Saying[] = [
  ({ created }, attempt) => sample.vmReady(created.data.task, { attempt: attempt + 1 }, name),
  ({ created }, attempt) => sample.vmReady(created.data.task, { attempt }, name),
  ({ created, vms }, attempt) =>
    sample.resumed(created.data.task, vms.at(-1) ?? sample.sampleVm(), { attempt, runner: name }, name),
  ({ created }, attempt) => sample.setupDone(created.data.task, { attempt }, name),
  ({ created, vms }, attempt) =>
    sample.retrying(created.data.task, { attempt, next: attempt + 1, vm: vms.at(-1) ?? null }, name),
  ({ created, vms }, attempt) => sample.completed(created.data.task, { attempt, vm: vms.at(-1) ?? null }, name),
  ({ created, vms }) => sample.vmGone(vms.at(-1) ?? sample.sampleVm(), { task: created.data.task }, name),
];

/** How what is said differs from an event of ours. */
type Manner =
  | 'as an event'
  | 'of a newer version'
  | 'of an unknown type'
  | 'without an envelope'
  | 'without an expectation';
const manners: readonly Manner[] = [
  'as an event',
  'as an event',
  'as an event',
  'of a newer version',
  'of an unknown type',
  'without an envelope',
  'without an expectation',
];

export class Intruder {
  readonly #parts: IntruderParts;
  readonly #publications = new WeakSet<Publication>();
  readonly #messages = new WeakSet<StoredMessage>();

  constructor(parts: IntruderParts) {
    this.#parts = parts;
  }

  /** In some seeds, until then. */
  begin(brokerHost: BrokerHost, untilMs: number): void {
    const { time, random } = this.#parts;
    if (!random.chance(presence)) return;
    const next = () => {
      if (time.nowMs >= untilMs) return;
      if (brokerHost.isUp) this.#speak(brokerHost.broker);
      time.after(random.between(...pauseMs), null, next);
    };
    next();
  }

  /** True for a publication of this one, and from then on for what is stored of it. */
  hasPublished(publication: Publication, message?: StoredMessage): boolean {
    const isOwn = this.#publications.has(publication);
    if (isOwn && message !== undefined) this.#messages.add(message);
    return isOwn;
  }

  hasSaid(message: StoredMessage): boolean {
    return this.#messages.has(message);
  }

  #speak(broker: Broker): void {
    const { random, properties, observations } = this.#parts;
    const foreign = properties.tasks.filter(({ ready, completed }) => ready !== null || completed !== null);
    if (foreign.length === 0) return;
    const task = random.pick(foreign);
    const isOver = task.completed !== null;
    if (random.chance(0.15)) this.#writeOutput(broker, task);
    else this.#tell(broker, task);
    observations.sometimes(isOver ? 'a host spoke of a task that was over' : "a host spoke of another host's task");
  }

  #tell(broker: Broker, task: SeenTask): void {
    const { random } = this.#parts;
    const manner = random.pick(manners);
    const attempt = attemptAt(task.eventStream.at(-1) ?? task.created);
    const draft = random.pick(sayings)(task, attempt);
    const { pool, task: id } = task.created.data;
    const filter = eventsOf({ pool, task: id });
    const seq = broker.stream('EVENTS').lastOf(filter)?.seq ?? 0;
    const { payload, headers } = encode(draft, eventId(draft, seq), name, new Date());
    if (manner === 'of an unknown type') headers.set('ce-type', 'task.exploded');
    const json = JSON.parse(Buffer.from(payload).toString()) as object;
    const data = manner === 'of a newer version' ? JSON.stringify({ ...json, v: 2 }) : payload;
    const expect = { lastSubjectSequence: seq, lastSubjectSequenceSubject: filter };
    this.#publish(broker, eventSubject(draft), data, {
      headers: manner === 'without an envelope' ? newHeaders() : headers,
      ...(manner === 'without an expectation' || draft.type === 'vm.gone' ? {} : { expect }),
    });
  }

  #writeOutput(broker: Broker, { created, ready }: SeenTask): void {
    const headers = newHeaders();
    headers.set('vm-task-offset', '0');
    const subject = logSubject(created.data.task, ready?.data.attempt ?? 1, 'stdout', name);
    this.#publish(broker, subject, 'foreign output', { headers });
  }

  #publish(broker: Broker, subject: string, data: Uint8Array | string, options: PublishOptions): void {
    if (!allowed.some((pattern) => subjectMatches(pattern, subject))) throw new Error(`no host may publish ${subject}`);
    const publication = publicationOf(subject, data, options);
    this.#publications.add(publication);
    try {
      broker.publish(publication);
    } catch (error) {
      this.#parts.observations.trace(`${name} ${subject}: ${(error as Error).message}`);
    }
  }
}
