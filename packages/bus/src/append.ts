/**
 * Appending to a spine (I2, I3, I10). Every answer of the broker that is not a plain yes means *undecided*; then the
 * stream itself is read, through its leader, and what it holds is what happened.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { Draft, Stored } from '@vm-task/shared/events';
import { orAborted } from '@vm-task/shared/or-aborted';
import { eventSubject, type PipelineKey, type SpineKey, spineSubject } from '@vm-task/shared/subjects';
import { isFull, throwIfHopeless } from './answers.ts';
import type { Connection } from './connection.ts';
import { eventId, rawOf, seal, unseal } from './envelope.ts';

export type Appended =
  /** In the stream. `event` is what is stored there: of the same id, but perhaps another worker's data. */
  | { readonly kind: 'stored'; readonly event: Stored }
  /** Refused: the spine has moved on to `head`, or is no longer there (null). */
  | { readonly kind: 'overtaken'; readonly head: Stored | null };

/** Between two looks at an undecided append, while the broker is away. */
const undecidedPauseMs = 250;

/** Where a task or pipeline stands: the last event of its spine, or null. */
export async function readHead({ jsm }: Connection, spine: SpineKey | PipelineKey): Promise<Stored | null> {
  return readLast(jsm, spineSubject(spine));
}

/**
 * Where the spine of an event that is at hand stands: that event, or what came after it. Any replica may answer, and one
 * that lags shows less than is at hand. Whoever goes on from an old head is refused by the broker.
 */
export async function readHeadSince(connection: Connection, event: Stored): Promise<Stored | null> {
  const spine = spineOf(event);
  const message = await connection.jsm.direct.getMessage('EVENTS', { last_by_subj: spineSubject(spine) });
  if (message === null) return readHead(connection, spine);
  return message.seq <= event.seq ? event : unseal(rawOf(message));
}

async function readLast(jsm: Connection['jsm'], subject: string): Promise<Stored | null> {
  const message = await jsm.streams.getMessage('EVENTS', { last_by_subj: subject });
  return message === null ? null : unseal(rawOf(message));
}

/**
 * Appends when the spine's last sequence is `fence` (0: no event yet). Returns only what the stream itself shows; waits
 * as long as the broker is away, until `signal` aborts. Thrown: `stream-full`, `payload-too-large`, `broker-denied`, the
 * abort's reason.
 */
export async function append(
  connection: Connection,
  source: string,
  draft: Draft,
  fence: number,
  signal: AbortSignal,
): Promise<Appended> {
  const id = eventId(draft, fence);
  const subject = eventSubject(draft);
  const spine = spineSubject(spineOf(draft));
  for (;;) {
    const answer = await orAborted(offer(connection, source, draft, { id, subject, spine, fence }), signal);
    if (answer !== 'undecided') return answer;
    const found = await orAborted(settleUndecided(connection, { id, subject, spine, fence }), signal);
    if (found !== 'undecided') return found;
    await orAborted(delay(undecidedPauseMs), signal);
  }
}

interface Attempt {
  readonly id: string;
  readonly subject: string;
  readonly spine: string;
  readonly fence: number;
}

async function offer(
  { js }: Connection,
  source: string,
  draft: Draft,
  { id, subject, spine, fence }: Attempt,
): Promise<Appended | 'undecided'> {
  const now = new Date();
  const { payload, headers } = seal(draft, id, source, now);
  try {
    const ack = await js.publish(subject, payload, {
      headers,
      msgID: id,
      expect: { lastSubjectSequence: fence, lastSubjectSequenceSubject: spine },
    });
    if (ack.duplicate) return 'undecided';
    const traceparent = headers.get('traceparent') || null;
    return { kind: 'stored', event: { ...draft, id, seq: ack.seq, time: now, subject, traceparent } as Stored };
  } catch (error) {
    return undecidedOrThrow(error);
  }
}

/** Errors that leave the append undecided; the others are the caller's business. */
function undecidedOrThrow(error: unknown): 'undecided' {
  throwIfHopeless(error);
  if (isFull(error)) {
    throw new VmTaskError('stream-full', `the stream EVENTS takes no more: ${errorInfo(error).message}`, {
      cause: error,
    });
  }
  return 'undecided';
}

/**
 * The last message on the draft's own subject decides; then the spine's head; else nothing has happened yet. The head
 * is read first: once it has moved, nothing of ours can land any more, so what is read after it is the whole truth.
 */
async function settleUndecided(connection: Connection, attempt: Attempt): Promise<Appended | 'undecided'> {
  try {
    const head = await readLast(connection.jsm, attempt.spine);
    if (head?.id === attempt.id) return { kind: 'stored', event: head };
    const own = await readLast(connection.jsm, attempt.subject);
    if (own?.id === attempt.id) return { kind: 'stored', event: own };
    if ((head?.seq ?? 0) === attempt.fence) return 'undecided';
    return { kind: 'overtaken', head };
  } catch (error) {
    if (error instanceof VmTaskError) throw error;
    return undecidedOrThrow(error);
  }
}

/** The spine that an event belongs to. Thrown for an event that is on none: a programming error. */
export function spineOf(draft: Draft): SpineKey | PipelineKey {
  if (draft.type === 'vm.gone' || draft.type === 'alert.raised') {
    throw new Error(`${draft.type} is on no spine`);
  }
  if ('pipeline' in draft.data) return { pipeline: draft.data.pipeline };
  return { pool: draft.data.pool, task: draft.data.task };
}
