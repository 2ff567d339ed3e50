/** Forgetting tasks and pipelines that ended long ago. */
import type { HostToken } from '@vm-task/shared/events';
import type { PipelineId, VmId } from '@vm-task/shared/ids';
import {
  alertSubjects,
  eventsOf,
  logSubjects,
  type TaskKey,
  taskSubject,
  vmGoneSubject,
} from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';

/**
 * Removes all that is stored of the task and of its VMs, as their own hosts have reported them, each subject by its whole name: a pattern would hold up whoever
 * publishes meanwhile. Its end goes last, so that a purge which was cut short is seen by whoever reads the stream again
 * and done once more.
 */
export async function purgeTask(
  connection: Connection,
  key: TaskKey,
  vms: readonly { readonly id: VmId; readonly host: HostToken }[],
): Promise<void> {
  await purgeSubjects(connection, 'LOGS', [logSubjects(key.task)]);
  await purgeSubjects(connection, 'TIMERS', [`*.retry.${key.pool}.${key.task}.*`]);
  const gone = vms.map(({ id, host }) => vmGoneSubject(key.pool, id, host));
  const beside = [alertSubjects(key.task), ...gone, taskSubject('task.setup.done', key, '*')];
  await purgeSubjects(connection, 'EVENTS', beside);
  await purgeSubjects(connection, 'EVENTS', [eventsOf(key)]);
}

/** Removes the pipeline's own events, its end last. Its tasks are tasks like others then. */
export async function purgePipeline(connection: Connection, pipeline: PipelineId): Promise<void> {
  await purgeSubjects(connection, 'EVENTS', [eventsOf({ pipeline })]);
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
