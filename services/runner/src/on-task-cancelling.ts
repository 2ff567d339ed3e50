/** Handles task.cancelling. Emits: nothing. The attempt in flight is told that its task is being cancelled. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome, retry } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import type { Attempt } from './attempt.ts';

/** The attempts that this runner works on. A task may be there twice for a moment: a stale one, and its successor. */
export class AttemptsInFlight {
  readonly #attempts = new Set<Attempt>();

  /** In flight until disposed of. */
  add(attempt: Attempt): Disposable {
    this.#attempts.add(attempt);
    return { [Symbol.dispose]: () => void this.#attempts.delete(attempt) };
  }

  of(task: TaskId): Attempt[] {
    return [...this.#attempts].filter((attempt) => attempt.ready.task === task);
  }
}

/** Another runner of this host may have the attempt, or have it in a moment. */
const elsewherePauseMs = 250;

/** Handled until the task is over: the message is with whoever has the attempt, and where nobody has it, it comes again. */
export function onTaskCancelling(inFlight: AttemptsInFlight) {
  return async ({ event }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.cancelling') return done();
    const attempts = inFlight.of(event.data.task);
    for (const attempt of attempts) attempt.cancel(event);
    const isKnown = attempts.some(({ cancelling }) => cancelling.aborted);
    return isKnown ? done() : retry(elsewherePauseMs, 'no attempt of the task is in flight here');
  };
}
