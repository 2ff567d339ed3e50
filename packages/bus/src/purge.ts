/** Forgetting tasks and pipelines that ended long ago. */
import type { PipelineId, VmId } from '@vm-task/shared/ids';
import {
  alertSubjects,
  logSubjects,
  retryDueSubject,
  type SpineKey,
  spineSubject,
  taskSubjects,
  vmGoneSubject,
} from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';

/**
 * Removes all that is stored of the task and of its VMs. Its spine goes last, so that a purge which was cut short is
 * seen by whoever reads the stream again and done once more.
 */
export async function purgeTask(connection: Connection, spine: SpineKey, vms: readonly VmId[]): Promise<void> {
  const { streams } = connection.jsm;
  await streams.purge('LOGS', { filter: logSubjects(spine.task) });
  await streams.purge('TIMERS', { filter: retryDueSubject(spine) });
  const gone = vms.map((vm) => vmGoneSubject(spine.pool, vm));
  await purgeEvents(connection, [alertSubjects(spine.task), ...gone, ...taskSubjects(spine)]);
}

/** Removes the pipeline's own events, all at once: nobody finds a part of them. Its tasks are tasks like others then. */
export async function purgePipeline(connection: Connection, pipeline: PipelineId): Promise<void> {
  await purgeEvents(connection, [spineSubject({ pipeline })]);
}

async function purgeEvents({ jsm }: Connection, filters: readonly string[]): Promise<void> {
  for (const filter of filters) await jsm.streams.purge('EVENTS', { filter });
}
