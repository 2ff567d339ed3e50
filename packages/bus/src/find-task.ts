/** Finding single events of a task in the stream, through its leader. */
import type { NextMsgRequest } from '@nats-io/jetstream';
import { type Head, type HostToken, type Stored, typeOf } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { everything, type TaskEventType, type TaskKey, taskSubject } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { type RawMessage, rawOf } from './envelope.ts';
import { firstEventOn, lastEventOn } from './event-on.ts';
import { lastOf, readHistory } from './task-history.ts';

/** How the task began, where its pool is not known; or null when there is no such task (or no longer). */
export async function findCreated(connection: Connection, task: TaskId): Promise<Stored<'task.created'> | null> {
  return createdIn(await firstEventOn(connection, taskSubject('task.created', { pool: '*', task }, '*')));
}

/** Whether there is such a task, of whatever version. */
export async function isThereTask(connection: Connection, task: TaskId): Promise<boolean> {
  return (await firstEventOn(connection, taskSubject('task.created', { pool: '*', task }, '*'))) !== null;
}

/** The first message of `EVENTS` from this sequence on, on the pattern or whatever it is about; null where there is none. */
export async function nextMessage(
  { jsm }: Connection,
  from: number,
  pattern: string = everything,
): Promise<RawMessage | null> {
  const query: NextMsgRequest & { seq: number } = { seq: from, next_by_subj: pattern };
  const message = await jsm.streams.getMessage('EVENTS', query);
  return message === null ? null : rawOf(message);
}

/** How a task began, or null when it is no longer there, or not of a version that is known here. */
export async function readCreated(connection: Connection, key: TaskKey): Promise<Stored<'task.created'> | null> {
  return createdIn(await firstEventOn(connection, taskSubject('task.created', key, '*')));
}

function createdIn(event: Head | null): Stored<'task.created'> | null {
  return event?.type === 'task.created' ? event : null;
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
  connection: Connection,
  { pool, task, attempt }: TaskKey & { readonly attempt: number },
  host: string,
): Promise<Stored<'task.setup.done'> | null> {
  const event = await lastEventOn(connection, taskSubject('task.setup.done', { pool, task }, host));
  return event?.type === 'task.setup.done' && event.data.attempt === attempt ? event : null;
}

/**
 * True when an attempt of the task has had its VM on that host. What was said from there then counts, however late it is
 * read: the task may have ended since, or have gone on elsewhere.
 */
export async function hadVmOn(connection: Connection, key: TaskKey, host: HostToken): Promise<boolean> {
  const { events } = await readHistory(connection, key);
  return events.some((event) => event.host === host && typeOf(event) === 'vm.ready');
}
