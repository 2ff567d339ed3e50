/** A task that a task asked for, cancelled because that one is. */
import type { Bus } from '@vm-task/bus/bus';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { cancelTask } from './cancel-task.ts';

export interface CancelChildDeps {
  readonly bus: Pick<Bus, 'head' | 'append'>;
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
}

/** Leaves alone what is not there, what has ended, and what is no child of the parent: a question may name any task. */
export async function cancelChild(
  { bus, findCreated }: CancelChildDeps,
  { data: { task: parent, reason, principal } }: Stored<'task.cancelling'>,
  child: TaskId,
  signal: AbortSignal,
): Promise<void> {
  const created = await findCreated(child);
  if (created === null || created.data.cause.kind !== 'task' || created.data.cause.id !== parent) return;
  await cancelTask(bus, created.data, { by: `task ${parent}`, reason, principal }, signal);
}
