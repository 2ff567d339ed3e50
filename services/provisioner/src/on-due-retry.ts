/** Handles due.retry. Emits: vm.ready | task.retrying | task.completed. The next attempt gets a VM of its own, or the reason why there is none. */
import type { Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject, retry } from '@vm-task/bus/outcome';
import { reportUnknown } from '@vm-task/bus/report-unknown';
import { readRetryDue } from '@vm-task/bus/retry-timer';
import { newerPauseMs } from '@vm-task/bus/work';
import type { Stored } from '@vm-task/shared/events';
import { type TaskKey, taskOfRetryDue } from '@vm-task/shared/subjects';
import type { CapacityLimits } from './capacity.ts';
import { type Provisioning, provideVm } from './provide-vm.ts';

export interface RetryProvisioning extends Omit<Provisioning, 'limits'> {
  readonly limitsOf: (pool: string) => CapacityLimits;
  readonly findCreated: (taskKey: TaskKey) => Promise<Stored<'task.created'> | null>;
}

/**
 * A due retry waits here for capacity so long, then it goes to whoever has some. It is not admitted before it is pulled as
 * new tasks are: while no task is there, their pulls hold all the admissions that there are.
 */
const capacityWaitMs = 5_000;

export function onDueRetry(context: RetryProvisioning) {
  return async ({ event, signal, log }: Handling<RawMessage>): Promise<HandlerOutcome> => {
    const key = taskOfRetryDue(event.subject);
    if (key === null) return reject(`${event.subject} names no task`);
    const due = readRetryDue(event);
    if (due.kind === 'none') return reject(`message ${event.seq} on ${event.subject} is no timer of a retry`);
    if (due.kind === 'newer') {
      await reportUnknown(context.bus, { said: 'due.retry', why: 'it is of a newer version', seq: event.seq }, signal);
      return retry(newerPauseMs, 'a timer of a newer version');
    }
    const expectedSeq = due.retrying;
    const head = await context.bus.head(key);
    // A timer of an earlier wait, or of a task that was cancelled or timed out meanwhile.
    if (head?.type !== 'task.retrying' || head.seq !== expectedSeq) return done();
    const created = await context.findCreated(key);
    if (created === null) throw new Error(`task ${key.task} has no task.created`);
    const attempt = { created, number: head.data.next, expectedSeq };
    const limits = context.limitsOf(key.pool);
    return provideVm({ ...context, limits, log: log.child({ task: key.task }) }, attempt, { signal, capacityWaitMs });
  };
}
