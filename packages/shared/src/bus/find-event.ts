/** One event of one task, by its type: read from the stream, through its leader. */
import type { Stored } from '../events.ts';
import { type SpineKey, type TaskEventType, taskSubject } from '../subjects.ts';
import type { Connection } from './connection.ts';
import { rawOf, unseal } from './envelope.ts';

/** The task's last event of that type, or null. Thrown: `unreadable-event`. */
export async function findLast<T extends TaskEventType>(
  { jsm }: Connection,
  type: T,
  { pool, task }: SpineKey,
): Promise<Stored<T> | null> {
  const message = await jsm.streams.getMessage('EVENTS', { last_by_subj: taskSubject(type, pool, task) });
  if (message === null) return null;
  const event = unseal(rawOf(message));
  return event.type === type ? (event as Stored<T>) : null;
}
