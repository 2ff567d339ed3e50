/** The VM in which a task worked last, by the stream alone. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import type { TaskKey } from '@vm-task/shared/subjects';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import type { Connection } from './connection.ts';
import { lastOf, readHistory } from './task-history.ts';

export type TaskMachine = Pick<EventData<'vm.ready'>, 'vm' | 'host' | 'pool' | 'image' | 'driver'> &
  Pick<TaskSpec, 'size' | 'egress' | 'allow'>;

/** @throws `left-vm-gone` for a task that had none, or is no longer kept. */
export async function readMachine(connection: Connection, taskKey: TaskKey): Promise<TaskMachine> {
  const history = await readHistory(connection, taskKey);
  const [created, ready] = [lastOf(history, 'task.created'), lastOf(history, 'vm.ready')];
  if (created === null || ready === null) {
    throw new VmTaskError('left-vm-gone', `task ${taskKey.task} left no VM, or is no longer kept; run its stage again`);
  }
  const { vm, host, pool, image, driver } = ready.data;
  const { size, egress, allow } = created.data.spec;
  return { vm, host, pool, image, driver, size, egress, ...(allow === undefined ? {} : { allow }) };
}
