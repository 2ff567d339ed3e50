/** Finding a task by its id alone, where its pool is not known: in the stream, through its leader. */
import type { Stored } from '../events.ts';
import type { TaskId } from '../ids.ts';
import { taskSubject } from '../subjects.ts';
import type { Connection } from './connection.ts';
import { rawOf, unseal } from './envelope.ts';

/** How the task began, or null when there is no such task (or no longer). Thrown: `unreadable-event`. */
export async function findCreated({ jsm }: Connection, task: TaskId): Promise<Stored<'task.created'> | null> {
  const message = await jsm.streams.getMessage('EVENTS', { last_by_subj: taskSubject('task.created', '*', task) });
  if (message === null) return null;
  const event = unseal(rawOf(message));
  return event.type === 'task.created' ? event : null;
}
