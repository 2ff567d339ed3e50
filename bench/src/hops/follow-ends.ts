/** Who waits for a task's end, and for the time when nothing is left to do for any task. */
import type { Bus } from '@vm-task/shared/bus/bus';
import { eventPatterns } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';

export interface Ends extends AsyncDisposable {
  /** Resolves when the task's `task.completed` has arrived here. */
  of(task: string): Promise<void>;
  /** Resolves when every task that has ended has its `vm.gone`, too. */
  settled(): Promise<void>;
}

export function followEnds(bus: Bus): Ends {
  const ended = new Set<string>();
  const waiting = new Map<string, () => void>();
  const stop = new AbortController();
  let gone = 0;
  const following = (async () => {
    const filters = [eventPatterns['task.completed'], eventPatterns['vm.gone']];
    for await (const { message } of bus.follow({ filters, from: 1, signal: stop.signal })) {
      if (message.subject.startsWith('vm.gone.')) {
        gone++;
        continue;
      }
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
    async settled() {
      await eventually(() => gone === ended.size, { what: 'every VM is gone', limitMs: 60_000 });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}
