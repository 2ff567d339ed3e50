/**
 * Single events by their subjects, through the stream's leader: one question each, unless somebody has published there
 * what is no event. Then what is stored there is walked through.
 */
import type { NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import type { Head } from '@vm-task/shared/events';
import type { Connection } from './connection.ts';
import { decode, rawOf } from './envelope.ts';

/** By which a task or a pipeline begins; null when there is none. */
export async function firstEventOn(connection: Connection, filter: string): Promise<Head | null> {
  const last = await lastMessage(connection, filter);
  if (last === null) return null;
  const event = eventIn(last);
  if (event !== null && wasFirst(last)) return event;
  for await (const found of eventsOn(connection, filter)) return found;
  return null;
}

export async function lastEventOn(connection: Connection, filter: string): Promise<Head | null> {
  const last = await lastMessage(connection, filter);
  const event = last === null ? null : eventIn(last);
  if (last === null || event !== null) return event;
  let found: Head | null = null;
  for await (const one of eventsOn(connection, filter)) found = one;
  return found;
}

function lastMessage({ jsm }: Connection, filter: string): Promise<StoredMsg | null> {
  return jsm.streams.getMessage('EVENTS', { last_by_subj: filter });
}

/** The broker took it when nothing at all was stored of the task or pipeline. */
function wasFirst({ header }: StoredMsg): boolean {
  return header.get('Nats-Expected-Last-Subject-Sequence') === '0';
}

function eventIn(message: StoredMsg): Head | null {
  const decoded = decode(rawOf(message));
  return decoded.kind === 'event' ? decoded.event : null;
}

async function* eventsOn({ jsm }: Connection, filter: string): AsyncGenerator<Head, void, void> {
  for (let seq = 1; ; ) {
    const next: NextMsgRequest & { seq: number } = { seq, next_by_subj: filter };
    const message = await jsm.streams.getMessage('EVENTS', next);
    if (message === null) return;
    const event = eventIn(message);
    if (event !== null) yield event;
    seq = message.seq + 1;
  }
}
