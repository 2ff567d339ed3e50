/** Finding single events of a task in the stream: through its leader, but for what cannot change. */
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { type SpineKey, type TaskEventType, taskSubject } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { rawOf, unseal } from './envelope.ts';

/** How the task began, where its pool is not known; or null when there is no such task (or no longer). Thrown: `unreadable-event`. */
export async function findCreated({ jsm }: Connection, task: TaskId): Promise<Stored<'task.created'> | null> {
  const message = await jsm.streams.getMessage('EVENTS', { last_by_subj: taskSubject('task.created', '*', task) });
  if (message === null) return null;
  const event = unseal(rawOf(message));
  return event.type === 'task.created' ? event : null;
}

/**
 * How a task began that something later of is at hand, or null when it is no longer there. Any replica may answer,
 * because it never changes; the leader is asked where that one lags. Thrown: `unreadable-event`.
 */
export async function readCreated(
  { jsm }: Connection,
  { pool, task }: SpineKey,
): Promise<Stored<'task.created'> | null> {
  const query = { last_by_subj: taskSubject('task.created', pool, task) };
  const found = (await jsm.direct.getMessage('EVENTS', query)) ?? (await jsm.streams.getMessage('EVENTS', query));
  return found === null ? null : (unseal(rawOf(found)) as Stored<'task.created'>);
}

/** The last event of one type that a task has, or null. Thrown: `unreadable-event`. */
export async function findLast<T extends TaskEventType>(
  { jsm }: Connection,
  type: T,
  { pool, task }: SpineKey,
): Promise<Stored<T> | null> {
  const message = await jsm.streams.getMessage('EVENTS', { last_by_subj: taskSubject(type, pool, task) });
  return message === null ? null : (unseal(rawOf(message)) as Stored<T>);
}
