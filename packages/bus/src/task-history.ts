/**
 * What a task or a pipeline has behind it, through the stream's leader: which of the messages on its subjects count, and
 * how far its sequence has moved, whoever moved it.
 */

import type { NextMsgRequest } from '@nats-io/jetstream';
import { type Course, courseAfter, maySpeak } from '@vm-task/shared/course';
import type { Head, Stored } from '@vm-task/shared/events';
import { eventsOf, type PipelineKey, pipelineSubject, type TaskKey, taskSubject } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { type Decoded, decode, rawOf } from './envelope.ts';
import { firstEventOn } from './event-on.ts';

export interface History {
  /** Those that count, in order; at least one for a task or pipeline that exists. */
  readonly events: readonly Head[];
  /** Of the last message on the subjects, whether it counts or not: what the next one has to expect. 0 for none. */
  readonly lastSeq: number;
}

/** Everything from the beginning on. An unknown event has what stood before it. */
export async function readHistory(connection: Connection, key: TaskKey | PipelineKey): Promise<History> {
  const from = await firstSeqOf(connection, key);
  const events: Head[] = [];
  let course: Course | null = null;
  let lastSeq = 0;
  for await (const { seq, decoded } of messagesFrom(connection, key, from)) {
    lastSeq = seq;
    if (decoded.kind === 'none') continue;
    const counts = 'pipeline' in key || maySpeak(course, decoded.event);
    if (!counts) continue;
    course = courseAfter(course, decoded.event);
    events.push(withBefore(decoded.event, events.at(-1) ?? null));
  }
  return { events, lastSeq };
}

function withBefore(event: Head, last: Head | null): Head {
  if (event.type !== 'unknown') return event;
  return { ...event, before: last?.type === 'unknown' ? last.before : last };
}

/** The messages on the key's subjects from a sequence on, one question each. */
export async function* messagesFrom(
  { jsm }: Connection,
  key: TaskKey | PipelineKey,
  from: number,
): AsyncGenerator<{ readonly seq: number; readonly decoded: Decoded }, void, void> {
  for (let seq = from; ; ) {
    const next: NextMsgRequest & { seq: number } = { seq, next_by_subj: eventsOf(key) };
    const message = await jsm.streams.getMessage('EVENTS', next);
    if (message === null) return;
    yield { seq: message.seq, decoded: decode(rawOf(message)) };
    seq = message.seq + 1;
  }
}

/** From far before the first of them, messages are looked for in all of the stream. */
async function firstSeqOf(connection: Connection, key: TaskKey | PipelineKey): Promise<number> {
  const first =
    'pipeline' in key ? pipelineSubject('pipeline.created', key.pipeline) : taskSubject('task.created', key, '*');
  return (await firstEventOn(connection, first))?.seq ?? 1;
}

/** The last event of one type among those that count; null when there is none. */
export function lastOf<T extends Stored['type']>({ events }: History, type: T): Stored<T> | null {
  return (events.findLast((event) => event.type === type) as Stored<T> | undefined) ?? null;
}
