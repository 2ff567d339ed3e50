/** Handles due.retry. Emits: vm.ready | task.retrying | task.completed. The next attempt gets a VM of its own, or the reason why there is none. */
import type { Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject } from '@vm-task/bus/outcome';
import { readRetryDue } from '@vm-task/bus/retry-timer';
import type { Stored } from '@vm-task/shared/events';
import { type SpineKey, spineOfRetryDue } from '@vm-task/shared/subjects';
import { type Provisioning, provideVm } from './provide-vm.ts';

export interface RetryProvisioning extends Provisioning {
  readonly findCreated: (spine: SpineKey) => Promise<Stored<'task.created'> | null>;
}

/**
 * A due retry waits here for room so long, then it goes to whoever has some. It is not admitted before it is pulled as
 * new tasks are: while no task is there, their pulls hold all the admissions that there are.
 */
const roomMs = 5_000;

export function onDueRetry(context: RetryProvisioning) {
  return async ({ event, signal, log }: Handling<RawMessage>): Promise<HandlerOutcome> => {
    const spine = spineOfRetryDue(event.subject);
    if (spine === null) return reject(`${event.subject} names no task`);
    const fence = readRetryDue(event);
    const head = await context.bus.head(spine);
    // A timer of an earlier wait, or of a task that was cancelled or timed out meanwhile.
    if (head?.type !== 'task.retrying' || head.seq !== fence) return done();
    const created = await context.findCreated(spine);
    if (created === null) throw new Error(`task ${spine.task} has no task.created`);
    const attempt = { created, number: head.data.next, fence };
    return provideVm({ ...context, log: log.child({ task: spine.task }) }, attempt, { signal, roomMs });
  };
}
