/**
 * Conditional appends to a task's or a pipeline's stream of events (I2, I3, I10). Every answer of the broker that is not
 * a plain yes means *unknown*; then the stream itself is read, through its leader, and what it holds is what happened.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type Draft, type Head, type HostToken, type Stored } from '@vm-task/shared/events';
import { orAborted } from '@vm-task/shared/or-aborted';
import { eventSubject, eventsOf, type PipelineKey, type TaskKey } from '@vm-task/shared/subjects';
import type { Speaker } from './announce.ts';
import { isFull, throwIfNonRetryable } from './answers.ts';
import type { Connection } from './connection.ts';
import { decode, encode, eventId, rawOf } from './envelope.ts';
import { lastEventOn } from './event-on.ts';
import { isSameJson } from './same-json.ts';
import { readHistory } from './task-history.ts';

export type Appended =
  /** In the stream. `event` is what is stored there: of the same id, but perhaps another worker's data. */
  | { readonly kind: 'stored'; readonly event: Stored }
  /** Refused: the task or pipeline has moved on to `head`, or is no longer there (null). */
  | { readonly kind: 'conflict'; readonly head: Head | null };

/**
 * True when what is stored says what the draft says. By its values: after a lost acknowledgement the event is read from
 * the stream, and it is another object then.
 */
export function isStoredAs({ type, data }: Draft, appended: Appended): appended is Appended & { kind: 'stored' } {
  if (appended.kind !== 'stored' || appended.event.type !== type) return false;
  return isSameJson(appended.event.data, data);
}

/** Between two looks at an append whose outcome is unknown, while the broker is away. */
const unknownPauseMs = 250;

/** Whom a reader takes at their word: events of `any` host are control's, and its own host's are its own. */
export function isTrusted(event: Head, self: HostToken): boolean {
  return event.type !== 'unknown' && (event.host === anyHost || event.host === self);
}

/**
 * Where a task or pipeline stands: its last event that counts, or null. One question where that can be seen by itself;
 * else all of its messages are read.
 */
export async function readHead(
  connection: Connection,
  key: TaskKey | PipelineKey,
  self: HostToken,
): Promise<Head | null> {
  const message = await connection.jsm.streams.getMessage('EVENTS', { last_by_subj: eventsOf(key) });
  if (message === null) return null;
  const decoded = decode(rawOf(message));
  if (decoded.kind === 'event' && isTrusted(decoded.event, self)) return decoded.event;
  return (await readHistory(connection, key)).events.at(-1) ?? null;
}

/**
 * Appends when the last event that counts is that of sequence `expectedSeq` (0: there is none yet). Returns only what the
 * stream itself shows; waits as long as the broker is away, until `signal` aborts. Messages that do not count may have
 * moved the sequence meanwhile: then it is appended behind them.
 * @throws `stream-full`, `payload-too-large`, `broker-denied`, the abort's reason.
 */
export async function append(
  connection: Connection,
  speaker: Speaker,
  draft: Draft,
  expectedSeq: number,
  signal: AbortSignal,
): Promise<Appended> {
  const attempt = { id: eventId(draft, expectedSeq), subject: eventSubject(draft), key: keyOf(draft), expectedSeq };
  for (let expected = expectedSeq; ; ) {
    const answer = await orAborted(publish(connection, speaker, draft, attempt, expected), signal);
    if (answer !== 'unknown') return answer;
    const found = await orAborted(settle(connection, attempt, expected), signal);
    if (found.kind !== 'again') return found;
    if (found.expected === expected) await orAborted(delay(unknownPauseMs), signal);
    expected = found.expected;
  }
}

interface Attempt {
  readonly id: string;
  readonly subject: string;
  readonly key: TaskKey | PipelineKey;
  readonly expectedSeq: number;
}

async function publish(
  { js }: Connection,
  speaker: Speaker,
  draft: Draft,
  { id, subject, key }: Attempt,
  expected: number,
): Promise<Appended | 'unknown'> {
  const now = new Date();
  const { payload, headers } = encode(draft, id, speaker.source, now, speaker.features.version);
  try {
    const ack = await js.publish(subject, payload, {
      headers,
      msgID: id,
      expect: { lastSubjectSequence: expected, lastSubjectSequenceSubject: eventsOf(key) },
    });
    if (ack.duplicate) return 'unknown';
    const traceparent = headers.get('traceparent') || null;
    return { kind: 'stored', event: { ...draft, id, seq: ack.seq, time: now, subject, traceparent } as Stored };
  } catch (error) {
    return unknownOrThrow(error);
  }
}

/** Errors that leave the outcome unknown; the others are the caller's business. */
function unknownOrThrow(error: unknown): 'unknown' {
  throwIfNonRetryable(error);
  if (isFull(error)) {
    throw new VmTaskError('stream-full', `the stream EVENTS takes no more: ${errorInfo(error).message}`, {
      cause: error,
    });
  }
  return 'unknown';
}

type Settled = Appended | { readonly kind: 'again'; readonly expected: number };

/**
 * What counts on the subjects decides; then the last message on the draft's own one. The former is read first: once it
 * has moved, nothing of ours can land any more, so what is read after it is the whole truth.
 */
async function settle(connection: Connection, attempt: Attempt, expected: number): Promise<Settled> {
  try {
    const { events, lastSeq } = await readHistory(connection, attempt.key);
    const own = events.find(({ id }) => id === attempt.id) ?? (await readOwn(connection, attempt));
    if (own !== null && own.type !== 'unknown') return { kind: 'stored', event: own };
    const head = events.at(-1) ?? null;
    if ((head?.seq ?? 0) === attempt.expectedSeq) return { kind: 'again', expected: lastSeq };
    return { kind: 'conflict', head };
  } catch (error) {
    if (error instanceof VmTaskError) throw error;
    unknownOrThrow(error);
    return { kind: 'again', expected };
  }
}

/** `task.setup.done` is beside the stream of events that it expects. */
async function readOwn(connection: Connection, { id, subject }: Attempt): Promise<Head | null> {
  const event = await lastEventOn(connection, subject);
  return event?.id === id ? event : null;
}

/** The task or pipeline that an event is about. @throws Error for an event of neither: a programming error. */
export function keyOf(draft: Pick<Draft, 'type' | 'data'>): TaskKey | PipelineKey {
  const { type, data } = draft as Draft;
  if (type === 'vm.gone' || type === 'alert.raised') throw new Error(`${type} is about no task or pipeline`);
  if ('pipeline' in data) return { pipeline: data.pipeline };
  return { pool: data.pool, task: data.task };
}
