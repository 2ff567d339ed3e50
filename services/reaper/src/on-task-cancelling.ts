/** Handles task.cancelling. Emits: task.completed. A task without a VM is over at once; else its runner answers, and its deadline is the backstop. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import { anyHost, type Stored } from '@vm-task/shared/events';
import { unrunEnding } from '@vm-task/shared/unrun-ending';

/** It is given those that name no host: a `vm.ready` that was not there before is refused. */
export async function onTaskCancelling({ event }: Handling<Stored>): Promise<HandlerOutcome> {
  if (event.type !== 'task.cancelling') return done();
  const { task, pool, attempt } = event.data;
  return done(unrunEnding({ task, pool, attempt, vm: null, outcome: 'cancelled', error: null, host: anyHost }));
}
