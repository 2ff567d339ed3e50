/** Handles task.retrying. Emits: nothing. The broker is given the timer that ends the wait; the sweep is behind it. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';

/** Returns when the broker has the timer; to be repeated as often as need be. */
export type SetRetryTimer = (retrying: Stored<'task.retrying'>) => Promise<void>;

export function onTaskRetrying(setTimer: SetRetryTimer) {
  return async ({ event }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type === 'task.retrying') await setTimer(event);
    return done();
  };
}
