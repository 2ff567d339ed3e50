/** Handles task.cancelling. Emits: nothing. One follower for all attempts in hand: who cancels, and who was completed. */
import type { Bus } from '@vm-task/bus/bus';
import { type RawMessage, unseal } from '@vm-task/bus/envelope';
import type { Logger } from '@vm-task/service/log';
import type { Stored } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import { taskOfCompleted } from '@vm-task/shared/subjects';
import type { Attempt } from './attempt.ts';

/** The attempts that this runner works on. A task may be there twice for a moment: a stale one, and its successor. */
export class AttemptsInHand {
  readonly #attempts = new Set<Attempt>();
  /** Every task that is being cancelled now: one may be, between the read of its head and `add`. */
  readonly #cancelling = new Map<TaskId, Stored<'task.cancelling'>>();

  /** Tells the attempt of what follows, and of a cancelling that was there before, until disposed of. */
  add(attempt: Attempt): Disposable {
    this.#attempts.add(attempt);
    const cancelling = this.#cancelling.get(attempt.ready.task);
    if (cancelling !== undefined) attempt.cancel(cancelling);
    return { [Symbol.dispose]: () => void this.#attempts.delete(attempt) };
  }

  onTaskCancelling(event: Stored<'task.cancelling'>): void {
    this.#cancelling.set(event.data.task, event);
    for (const attempt of this.#of(event.data.task)) attempt.cancel(event);
  }

  onTaskCompleted(task: TaskId): void {
    this.#cancelling.delete(task);
    for (const attempt of this.#of(task)) attempt.end();
  }

  #of(task: TaskId): Attempt[] {
    return [...this.#attempts].filter((attempt) => attempt.ready.task === task);
  }
}

/** Follows from the sequence `from` on until `signal`. What cannot be read is left to the workers, who report it. */
export async function followCancelling(
  bus: Bus,
  inHand: AttemptsInHand,
  { from, signal, log }: { from: number; signal: AbortSignal; log: Logger },
): Promise<void> {
  const { filters } = flow.runnerOnTaskCancelling;
  for await (const { message } of bus.follow({ filters, from, signal })) {
    try {
      take(inHand, message);
    } catch (error) {
      log.warn({ err: error, seq: message.seq }, 'an event of a task cannot be read');
    }
  }
}

function take(inHand: AttemptsInHand, message: RawMessage): void {
  // Every task has an end, and whose it is the subject says: it is not read.
  const ended = taskOfCompleted(message.subject);
  const event = ended === null ? unseal(message) : null;
  if (ended !== null) inHand.onTaskCompleted(ended);
  else if (event?.type === 'task.cancelling') inHand.onTaskCancelling(event);
}
