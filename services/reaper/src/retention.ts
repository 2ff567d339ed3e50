/** Forgetting tasks that ended long ago: a few at each sweep, so that it never competes with the work. */
import type { Chores } from './chores.ts';
import type { Deadlines } from './deadlines.ts';
import type { EndedTask } from './task-view.ts';

/** With a sweep of 5 s that is 345,600 a day: more than a host can run. */
const purgedAtOnce = 20;

export interface Retention {
  readonly deadlines: Deadlines;
  readonly chores: Chores;
  readonly retentionMs: number;
  readonly purge: (task: EndedTask) => Promise<void>;
}

export function purgeOldTasks({ deadlines, chores, retentionMs, purge }: Retention, nowMs: number): void {
  for (const task of deadlines.endedBefore(nowMs - retentionMs, purgedAtOnce)) {
    chores.start({ id: task.task, what: 'forgetting an old task' }, async () => {
      await purge(task);
      deadlines.forget(task.task);
    });
  }
}
