/** Forgetting a task that ended long ago. */
import type { VmId } from '../ids.ts';
import {
  alertSubjects,
  logSubjects,
  retryDueSubject,
  type SpineKey,
  taskSubjects,
  vmGoneSubject,
} from '../subjects.ts';
import type { Connection } from './connection.ts';

/**
 * Removes all that is stored of the task and of its VMs. Its spine goes last, so that a purge which was cut short is
 * seen by whoever reads the stream again and done once more.
 */
export async function purgeTask({ jsm }: Connection, spine: SpineKey, vms: readonly VmId[]): Promise<void> {
  await jsm.streams.purge('LOGS', { filter: logSubjects(spine.task) });
  await jsm.streams.purge('TIMERS', { filter: retryDueSubject(spine) });
  const gone = vms.map((vm) => vmGoneSubject(spine.pool, vm));
  const about = [alertSubjects(spine.task), ...gone, ...taskSubjects(spine)];
  for (const filter of about) await jsm.streams.purge('EVENTS', { filter });
}
