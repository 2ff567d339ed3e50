/** Handles task.cancelling. Emits: task.completed. A task without a VM is over at once; else its runner answers, and its deadline is the backstop. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import type { SpineKey } from '@vm-task/shared/subjects';
import { unrunEnding } from '@vm-task/shared/unrun-ending';

/** The last `vm.ready` of a task, or null. */
export type FindReady = (spine: SpineKey) => Promise<Stored<'vm.ready'> | null>;

export function onTaskCancelling(findReady: FindReady) {
  return async ({ event }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.cancelling') return done();
    const { task, pool, attempt } = event.data;
    // Read after `cancelling` was stored: a `vm.ready` that is not there now will be refused.
    const ready = await findReady({ pool, task });
    if (ready !== null && ready.data.attempt >= attempt) return done();
    return done(unrunEnding({ task, pool, attempt, vm: null, outcome: 'cancelled', error: null }));
  };
}
