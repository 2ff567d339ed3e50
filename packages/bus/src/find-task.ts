/** Finding single events of a task in the stream, through its leader. */
import { type HostToken, type Stored, typeOf } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { type TaskEventType, type TaskKey, taskSubject } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { decode, type RawMessage, rawOf } from './envelope.ts';
import { lastOf, readHistory } from './task-history.ts';

/** How the task began, where its pool is not known; or null when there is no such task (or no longer). */
export async function findCreated({ jsm }: Connection, task: TaskId): Promise<Stored<'task.created'> | null> {
  const query = { last_by_subj: taskSubject('task.created', { pool: '*', task }, '*') };
  const message = await jsm.streams.getMessage('EVENTS', query);
  return message === null ? null : createdIn(rawOf(message));
}

/** How a task began, or null when it is no longer there, or not of a version that is known here. */
export async function readCreated({ jsm }: Connection, key: TaskKey): Promise<Stored<'task.created'> | null> {
  const query = { last_by_subj: taskSubject('task.created', key, '*') };
  const found = await jsm.streams.getMessage('EVENTS', query);
  return found === null ? null : createdIn(rawOf(found));
}

/** Only control may publish it, and the broker takes one for each task. */
function createdIn(message: RawMessage): Stored<'task.created'> | null {
  const decoded = decode(message);
  return decoded.kind === 'event' && decoded.event.type === 'task.created' ? decoded.event : null;
}

/** The last event of one type that a task has among those that count, or null. */
export async function findLast<T extends TaskEventType>(
  connection: Connection,
  type: T,
  key: TaskKey,
): Promise<Stored<T> | null> {
  return lastOf(await readHistory(connection, key), type);
}

/** Whether the attempt's setup steps are done, as the host of its VM says: `task.setup.done`, or null. */
export async function findSetUp(
  { jsm }: Connection,
  { pool, task, attempt }: TaskKey & { readonly attempt: number },
  host: string,
): Promise<Stored<'task.setup.done'> | null> {
  const query = { last_by_subj: taskSubject('task.setup.done', { pool, task }, host) };
  const message = await jsm.streams.getMessage('EVENTS', query);
  const decoded = message === null ? null : decode(rawOf(message));
  const event = decoded?.kind === 'event' && decoded.event.type === 'task.setup.done' ? decoded.event : null;
  return event?.data.attempt === attempt ? event : null;
}

/**
 * True when an attempt of the task has had its VM on that host. What was said from there then counts, however late it is
 * read: the task may have ended since, or have gone on elsewhere.
 */
export async function hadVmOn(connection: Connection, key: TaskKey, host: HostToken): Promise<boolean> {
  const { events } = await readHistory(connection, key);
  return events.some((event) => event.host === host && typeOf(event) === 'vm.ready');
}
