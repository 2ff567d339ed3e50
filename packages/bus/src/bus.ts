/**
 * The bus: the only thing that publishes to `EVENTS`, and the only one that knows ack, nak and term.
 *
 * | file | role |
 * |---|---|
 * | `connection.ts` | authenticated, never giving up, version gate |
 * | `accounts.ts`, `operator.ts`, `broker-owner.ts`, `credentials.ts`, `login-anew.ts` | who may say and ask what, as tokens that the server checks |
 * | `provision.ts` | streams and consumers: made, and read back |
 * | `envelope.ts` | CloudEvents headers, trace context, JSON |
 * | `event-log.ts` | what can be said to `EVENTS`, and asked of it |
 * | `append.ts`, `task-history.ts`, `event-on.ts` | conditional appends: stored or conflict (I2, I3, I10); which messages count |
 * | `announce.ts`, `report-unknown.ts` | what is about no task's course: VMs that are gone, alerts |
 * | `quota-refusals.ts` | which teams are at a quota |
 * | `features.ts` | which additions to the events are written by now |
 * | `work.ts`, `pull.ts`, `outcome.ts` | durable workers: done, retry, reject, leave (I4) |
 * | `dead-letter.ts`, `dead-letters.ts`, `replay.ts` | what no handler could take: stored, looked at, handled again |
 * | `retry-timer.ts` | the wait before another attempt |
 * | `follow.ts` | reading without acknowledging |
 * | `output-log.ts`, `artifacts.ts` | live output and files of attempts |
 */

import { isTakenOver } from '@vm-task/shared/attempt-at';
import { VmTaskError } from '@vm-task/shared/errors';
import {
  anyHost,
  type Draft,
  type Head,
  type HostToken,
  isTaskEnd,
  type Stored,
  type UnknownEvent,
} from '@vm-task/shared/events';
import { consumerFor, type FlowRow } from '@vm-task/shared/flow';
import { factsOfSubject } from '@vm-task/shared/subjects';
import type { Logger } from 'pino';
import { announcer } from './announce.ts';
import { type Appended, append, isTrusted, keyOf, readHead } from './append.ts';
import type { Connection } from './connection.ts';
import { raiseRetryAlert, storeDeadLetter } from './dead-letter.ts';
import type { DeadLetter } from './dead-letters.ts';
import { type Decoded, decode, type RawMessage, rawOf } from './envelope.ts';
import type { EventLog } from './event-log.ts';
import type { FollowedFeatures } from './features.ts';
import { follow } from './follow.ts';
import { done, type HandlerOutcome, ignore, retry } from './outcome.ts';
import { requireConsumer } from './provision.ts';
import { workReplays } from './replay.ts';
import { reportUnknown } from './report-unknown.ts';
import { readHistory } from './task-history.ts';
import { inSpanOf } from './tracing.ts';
import { type Delivery, type DeliveryOutcome, newerPauseMs, work } from './work.ts';

export interface Handling<T> {
  readonly event: T;
  /** The last event that counts, as of a moment before: the event itself, but for the exceptions that `resumable` names. */
  readonly head: Head | null;
  readonly deliveries: number;
  readonly signal: AbortSignal;
  /** Bound to the task, the event and the consumer. */
  readonly log: Logger;
}

export interface WorkOptions {
  readonly slots: number;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  readonly scope?: { readonly pool?: string; readonly host?: string };
  /** Handle events that are no longer the head, too: those that say what to release, whatever came after. */
  readonly past?: boolean;
  /** True for what is known to be nothing to this worker: acknowledged unread. */
  readonly skip?: (subject: string) => boolean;
  readonly admit?: (signal: AbortSignal) => Promise<{ release: () => void }>;
}

export type WorkerRow = FlowRow & { readonly consumer: string };

export interface Bus extends EventLog {
  /**
   * Handles events: those that are no longer the head are acknowledged unseen, so a redelivery changes nothing (what was stored
   * within the last second and comes for the first time counts as the head). One that this version cannot read is given back, for a service that can; what is no event is acknowledged.
   */
  workEvents(
    row: WorkerRow,
    handle: (handling: Handling<Stored>) => Promise<HandlerOutcome>,
    options: WorkOptions,
  ): Promise<void>;
  /** Handles what is no event: commands and timers that are due, as they were published. */
  workMessages(
    row: WorkerRow,
    handle: (handling: Handling<RawMessage>) => Promise<HandlerOutcome>,
    options: WorkOptions,
  ): Promise<void>;
}

/** For those who write nothing that was added: until the record is read, nothing is on. */
const nothingIsOn: FollowedFeatures = { version: null };

export function createBus(
  connection: Connection,
  source: string,
  log: Logger,
  host: HostToken = anyHost,
  features: FollowedFeatures = nothingIsOn,
): Bus {
  const speaker = { source, features };
  const bus: Bus = {
    connection,
    host,
    features,
    async append(draft, expectedSeq, signal) {
      const appended = await append(connection, speaker, draft, expectedSeq, signal);
      if (appended.kind === 'conflict') reportRefusal(log, draft, expectedSeq, appended.head);
      return appended;
    },
    announce: announcer(connection, speaker),
    head: (key) => readHead(connection, key, host),
    async messageAt(seq) {
      const message = await connection.jsm.streams.getMessage('EVENTS', { seq });
      return message === null ? null : rawOf(message);
    },
    async now() {
      const { ts } = await connection.jsm.streams.info('EVENTS');
      if (ts === undefined) throw new VmTaskError('broker-too-old', 'the broker does not tell its time');
      return new Date(ts);
    },
    async workEvents(row, handle, options) {
      await runWorker(bus, row, options, log, async (delivery, bound) => {
        const event = await eventIn(bus, decode(delivery.message), { ...delivery, past: options.past === true }, bound);
        if ('kind' in event) return event;
        return options.past === true
          ? handle({ event, head: null, ...delivery, log: bindTo(event, bound) })
          : onlyIfHead(bus, event, delivery, bindTo(event, bound), handle);
      });
    },
    async workMessages(row, handle, options) {
      await runWorker(bus, row, options, log, ({ message, deliveries, signal }, bound) =>
        handle({ event: message, head: null, deliveries, signal, log: bound }),
      );
    },
    follow: (options) => follow(connection, { stream: 'EVENTS', ...options }),
  };
  return bus;
}

/** Whoever is late says what it had meant to publish: how a stale worker is told from one that lost its work. */
function reportRefusal(log: Logger, draft: Draft, expectedSeq: number, head: Head | null): void {
  const about = { task: 'task' in draft.data ? draft.data.task : null, type: draft.type, expected: expectedSeq };
  const found = head === null ? null : { seq: head.seq, type: head.type };
  log.info({ ...about, found }, 'the broker refused an event: the task has moved on');
}

function bindTo(event: Stored, log: Logger): Logger {
  const { data, id } = event;
  const about = 'task' in data ? { task: data.task } : 'pipeline' in data ? { pipeline: data.pipeline } : {};
  return log.child({ ...about, event: id });
}

/** The event that was delivered, if it is one that counts and that can be read; else what becomes of the message. */
async function eventIn(
  bus: Bus,
  decoded: Decoded,
  { message, signal, past }: Delivery & { readonly past: boolean },
  log: Logger,
): Promise<Stored | HandlerOutcome> {
  if (decoded.kind === 'none') {
    log.warn({ seq: message.seq, subject: message.subject, why: decoded.why }, 'a message that is no event');
    return done();
  }
  const { event } = decoded;
  const all = isTrusted(event, bus.host) ? [] : await eventsBeside(bus, event);
  // What has been purged meanwhile is over; and `task.setup.done` is beside the others.
  if (all.length > 0 && !all.some(({ seq }) => seq === event.seq)) {
    log.warn({ seq: event.seq, subject: event.subject }, 'an event of a host that may not speak for the task');
    return done();
  }
  if (event.type !== 'unknown') return event;
  const last = all.at(-1) ?? event;
  // Only who handles what is past has anything to do behind the task's end.
  return !past && last.seq !== event.seq && isTaskEnd(last) ? done() : giveBack(bus, event, signal);
}

/** Those of the same task that count; none for what is about no task. */
async function eventsBeside(bus: Bus, event: Head): Promise<readonly Head[]> {
  const about = factsOfSubject(event.subject)?.about;
  if (about === undefined || !('task' in about)) return [];
  return (await readHistory(bus.connection, about)).events;
}

async function giveBack(bus: Bus, event: UnknownEvent, signal: AbortSignal): Promise<HandlerOutcome> {
  await reportUnknown(bus, event, signal);
  return retry(newerPauseMs, event.why);
}

/**
 * What nobody has had before, and was stored a moment ago, is taken for the head without a look: where that is wrong, what
 * follows from it is refused. By the host's clock, which may be wrong: then it is looked at, or worked on in vain.
 */
const freshMs = 1_000;

async function onlyIfHead(
  bus: Bus,
  event: Stored,
  { deliveries, signal }: Delivery,
  log: Logger,
  handle: (handling: Handling<Stored>) => Promise<HandlerOutcome>,
): Promise<HandlerOutcome> {
  const isFresh = deliveries === 1 && Math.abs(Date.now() - event.time.getTime()) < freshMs;
  const head = isFresh ? event : await readHead(bus.connection, keyOf(event), bus.host);
  if (head?.type === 'unknown' && !isTaskEnd(head)) return giveBack(bus, head, signal);
  if (head?.seq !== event.seq && !resumable(event, head)) {
    log.debug({ head: head?.type ?? null }, 'nothing to do: it has moved on');
    return done();
  }
  return handle({ event, head, deliveries, signal, log });
}

/** The exceptions: an attempt whose runner died, or that was cancelled before its runner saw it, is the runner's still. */
function resumable(event: Stored, head: Head | null): boolean {
  if (event.type !== 'vm.ready' || head === null) return false;
  return (head.type === 'task.resumed' || head.type === 'task.cancelling') && head.data.attempt === event.data.attempt;
}

/** Whoever resumed the attempt has a later delivery of the same message; a later version is to have one. */
function wasTakenOver(appended: Appended): boolean {
  return appended.kind === 'conflict' && isTakenOver(appended.head);
}

async function runWorker(
  bus: Bus,
  row: WorkerRow,
  options: WorkOptions,
  log: Logger,
  handle: (delivery: Delivery, log: Logger) => Promise<HandlerOutcome>,
): Promise<void> {
  const worker = consumerFor(row, options.scope);
  const bound = log.child({ consumer: worker.name });
  const { slots, stop, abort } = options;
  await requireConsumer(bus.connection, worker, { stop, log: bound });
  const hooks = {
    // One span over deciding and appending, so that what is appended carries the trace on.
    handle: (delivery: Delivery) =>
      inSpanOf(delivery.message.headers?.get('traceparent') || null, row, async () =>
        settle(bus, await handle(delivery, bound), delivery.message.seq, abort),
      ),
    storeDeadLetter: (delivery: Delivery, reason: string) => storeDeadLetter(bus, worker, delivery, reason, bound),
    alert: (delivery: Delivery, reason: string) => raiseRetryAlert(bus, worker, delivery, reason),
    ...(options.admit === undefined ? {} : { admit: options.admit }),
    ...(options.skip === undefined ? {} : { skip: options.skip }),
  };
  const replaying = {
    connection: bus.connection,
    host: bus.host,
    worker,
    handle: hooks.handle,
    storeDeadLetter: (delivery: Delivery, reason: string, replayed: DeadLetter) =>
      storeDeadLetter(bus, worker, delivery, reason, bound, replayed),
    log: bound,
  };
  await Promise.all([
    work(bus.connection, worker, hooks, { slots, stop, abort, log: bound }),
    workReplays(replaying, { stop, abort }),
  ]);
}

/** Carries out a `done` with an event: returns once the stream has decided. */
async function settle(bus: Bus, outcome: HandlerOutcome, seq: number, abort: AbortSignal): Promise<DeliveryOutcome> {
  if (outcome.kind !== 'done') return outcome;
  if (outcome.event === null) return { kind: 'ack' };
  const appended = await bus.append(outcome.event, outcome.expectedSeq ?? seq, abort);
  await outcome.settle?.(appended);
  return wasTakenOver(appended) ? ignore('another worker goes on with this attempt') : { kind: 'ack' };
}
