/** Forgetting tasks and pipelines that ended long ago. */
import type { PipelineId } from '@vm-task/shared/ids';
import {
  alertSubjects,
  eventsOf,
  logSubjects,
  spawnSubject,
  type TaskKey,
  taskSubject,
  vmGoneSubject,
} from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { decode, rawOf } from './envelope.ts';
import type { History } from './task-history.ts';

/**
 * Removes all that is stored of the task and of the VMs that it had last, each subject by its whole name: a pattern would
 * hold up whoever publishes meanwhile. Its end goes last, so that a purge which was cut short is seen by whoever reads the
 * stream again and done once more. `history`: the task's own.
 */
export async function purgeTask(connection: Connection, key: TaskKey, history: History): Promise<void> {
  await purgeSubjects(connection, 'LOGS', [logSubjects(key.task)]);
  await purgeSubjects(connection, 'CHILDREN', [spawnSubject(key.task, '*', '*')]);
  await purgeSubjects(connection, 'TIMERS', [`*.retry.${key.pool}.${key.task}.*`]);
  const gone = await goneOf(connection, key, history);
  const beside = [alertSubjects(key.task), ...gone, taskSubject('task.setup.done', key, '*')];
  await purgeSubjects(connection, 'EVENTS', beside);
  await purgeSubjects(connection, 'EVENTS', [eventsOf(key)]);
}

/** Where it is said that its VMs are gone. One that was another task's after it is forgotten with that one. */
async function goneOf({ jsm }: Connection, { pool, task }: TaskKey, { events }: History): Promise<string[]> {
  const subjects = events.flatMap((event) =>
    event.type === 'vm.ready' ? [vmGoneSubject(pool, event.data.vm, event.host)] : [],
  );
  const found = await Promise.all(
    subjects.map((subject) => jsm.streams.getMessage('EVENTS', { last_by_subj: subject })),
  );
  return found.flatMap((message) => {
    const decoded = message === null ? null : decode(rawOf(message));
    const isIts = decoded?.kind === 'event' && decoded.event.type === 'vm.gone' && decoded.event.data.task === task;
    return isIts ? [decoded.event.subject] : [];
  });
}

/** Removes the pipeline's own events, its end last. Its tasks are tasks like others then. */
export async function purgePipeline(connection: Connection, pipeline: PipelineId): Promise<void> {
  await purgeSubjects(connection, 'EVENTS', [eventsOf({ pipeline })]);
}

/** Removes what is stored of `EVENTS` on a subject, by its whole name. */
export async function purgeSubject(connection: Connection, subject: string): Promise<void> {
  await purgeSubjects(connection, 'EVENTS', [subject]);
}

async function purgeSubjects({ jsm }: Connection, stream: string, patterns: readonly string[]): Promise<void> {
  for (const subjects_filter of patterns) {
    const { state } = await jsm.streams.info(stream, { subjects_filter });
    const subjects = Object.keys(state.subjects ?? {}).sort((a, b) => Number(isEnd(a)) - Number(isEnd(b)));
    for (const filter of subjects) await jsm.streams.purge(stream, { filter });
  }
}

function isEnd(subject: string): boolean {
  return /^(task|pipeline)\.completed\./.test(subject);
}
