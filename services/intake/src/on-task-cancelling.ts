/** Handles task.cancelling. Emits: task.cancelling. The tasks that the task has asked for are asked to end with it. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { type CancelChildDeps, cancelChild } from './cancel-child.ts';
import { eachAtOnce } from './each-at-once.ts';

export interface CancellingDeps extends CancelChildDeps {
  /** What was asked for in the name of the task, by whomever. */
  readonly childrenOf: (parent: TaskId) => Promise<readonly TaskId[]>;
}

/** Each waits for one fsync of the broker. */
const atOnce = 16;

/** A child that is not made yet is for whoever makes it (`on-task-spawn.ts`); the children of a child follow from its own cancelling. */
export async function onTaskCancelling(
  deps: CancellingDeps,
  { event, signal }: Handling<Stored>,
): Promise<HandlerOutcome> {
  if (event.type !== 'task.cancelling') return done();
  const { task } = event.data;
  if ((await deps.findCreated(task))?.data.spec.children === undefined) return done();
  const children = await deps.childrenOf(task);
  await eachAtOnce(children, atOnce, (child) => cancelChild(deps, event, child, signal));
  return done();
}
