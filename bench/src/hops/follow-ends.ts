/** Who waits for a task's end, and for the time when nothing is left to do for any task. */
import { eventPatterns, taskOfCompleted } from '@vm-task/shared/subjects';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';

export interface Ends extends AsyncDisposable {
  /** Resolves when the task's `task.completed` has arrived here. */
  of(task: string): Promise<void>;
  /** Resolves when every task that has ended has its `vm.gone`, too. */
  settled(): Promise<void>;
}

/** Only the ends are followed: what the client has to read takes its time from the services. */
export function followEnds({ bus, connection: { jsm } }: Broker): Ends {
  const ended = new Set<string>();
  const waiting = new Map<string, () => void>();
  const stop = new AbortController();
  const following = (async () => {
    const filter = eventPatterns['task.completed'];
    for await (const { message } of bus.follow({ filter, from: 1, signal: stop.signal })) {
      const task = taskOfCompleted(message.subject);
      if (task === null) continue;
      ended.add(task);
      waiting.get(task)?.();
      waiting.delete(task);
    }
  })();
  const gone = async () => {
    const { state } = await jsm.streams.info('EVENTS', { subjects_filter: eventPatterns['vm.gone'] });
    return Object.keys(state.subjects ?? {}).length;
  };
  return {
    of(task) {
      if (ended.has(task)) return Promise.resolve();
      return new Promise((resolve) => waiting.set(task, resolve));
    },
    async settled() {
      await eventually(async () => (await gone()) === ended.size, { what: 'every VM is gone', limitMs: 60_000 });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}
