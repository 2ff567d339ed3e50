/** Who waits for a task's end, and when each of a task's events was stored. */
import type { Bus } from '@vm-task/shared/bus/bus';
import { eventPatterns } from '@vm-task/shared/subjects';

export interface Ends extends AsyncDisposable {
  /** Resolves when the task's `task.completed` has arrived here. */
  of(task: string): Promise<void>;
}

export function followEnds(bus: Bus): Ends {
  const ended = new Set<string>();
  const waiting = new Map<string, () => void>();
  const stop = new AbortController();
  const following = (async () => {
    const filters = [eventPatterns['task.completed']];
    for await (const { message } of bus.follow({ filters, from: 1, signal: stop.signal })) {
      const task = message.subject.slice(message.subject.lastIndexOf('.') + 1);
      ended.add(task);
      waiting.get(task)?.();
      waiting.delete(task);
    }
  })();
  return {
    of(task) {
      if (ended.has(task)) return Promise.resolve();
      return new Promise((resolve) => waiting.set(task, resolve));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}
