/** When each task has to be over (I7), by the broker's times in its events. */
import type { Head } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import TinyQueue from 'tinyqueue';
import { type EndedTask, foldTask, type LiveTask, type TaskView, taskOf } from './task-view.ts';

export type DueKind = 'queue' | 'setup' | 'run' | 'total' | 'cancel';

export interface Due {
  readonly kind: DueKind;
  readonly atMs: number;
}

/**
 * A task's next deadline. One that is being cancelled has only that of its cancelling. Each attempt may wait for its VM
 * as long as the first; the pause before it counts in nothing but the total.
 */
export function dueOf({ phase, createdMs, timeouts }: LiveTask, cancelPatienceMs: number): Due {
  if (phase.name === 'cancelling') return { kind: 'cancel', atMs: phase.sinceMs + cancelPatienceMs };
  const total = { kind: 'total', atMs: createdMs + timeouts.totalMs } as const;
  if (phase.name === 'unknown') return total;
  const kind = phase.name === 'retry' ? 'queue' : phase.name;
  const inPhase = { kind, atMs: phase.sinceMs + timeouts[`${kind}Ms`] };
  return inPhase.atMs <= total.atMs ? inPhase : total;
}

export interface Overdue {
  readonly task: LiveTask;
  readonly due: Due;
}

/** Every task's view and the earliest deadlines first; fed with the events in their order. */
export class Deadlines {
  readonly #cancelPatienceMs: number;
  readonly #views = new Map<TaskId, TaskView>();
  /** Entries of deadlines that no longer hold stay until they come up, and are passed over then. */
  readonly #heap = new TinyQueue<{ readonly atMs: number; readonly task: TaskId }>([], (a, b) => a.atMs - b.atMs);

  constructor(cancelPatienceMs: number) {
    this.#cancelPatienceMs = cancelPatienceMs;
  }

  /** The task that has ended with this event, or null. */
  take(event: Head): TaskId | null {
    const task = event.type === 'vm.gone' ? event.data.task : (taskOf(event)?.task ?? null);
    const before = task === null ? null : (this.#views.get(task) ?? null);
    const view = task === null ? null : foldTask(before, event);
    if (task === null || view === null || view === before) return null;
    const hasEnded = view.kind === 'ended' && before?.kind !== 'ended';
    // What has ended is moved to the end, so that the first ended ones are found first.
    if (hasEnded) this.#views.delete(task);
    this.#views.set(task, view);
    if (view.kind === 'live') this.#heap.push({ atMs: this.#due(view).atMs, task });
    return hasEnded ? task : null;
  }

  /** The time of the next deadline, or null when there is none. */
  nextMs(): number | null {
    for (;;) {
      const first = this.#heap.peek();
      if (first === undefined) return null;
      if (this.#holds(first)) return first.atMs;
      this.#heap.pop();
    }
  }

  /** What has come due since the last call. */
  takeDue(nowMs: number): Overdue[] {
    const due: Overdue[] = [];
    for (let atMs = this.nextMs(); atMs !== null && atMs <= nowMs; atMs = this.nextMs()) {
      const task = this.#views.get(this.#heap.pop()?.task as TaskId);
      if (task?.kind === 'live') due.push({ task, due: this.#due(task) });
    }
    return due;
  }

  /** All that is overdue, whether it was taken before or not: what the sweep looks at. */
  allOverdue(nowMs: number): Overdue[] {
    return this.live()
      .map((task) => ({ task, due: this.#due(task) }))
      .filter(({ due }) => due.atMs <= nowMs);
  }

  live(): LiveTask[] {
    return [...this.#views.values()].filter((view) => view.kind === 'live');
  }

  /** At most `limit` such tasks that ended before that time, those that ended first. */
  endedBefore(timeMs: number, limit: number, isWanted: (task: EndedTask) => boolean): EndedTask[] {
    const found: EndedTask[] = [];
    for (const view of this.#views.values()) {
      if (found.length === limit) break;
      if (view.kind === 'ended' && view.endedMs < timeMs && isWanted(view)) found.push(view);
    }
    return found;
  }

  /** The task was purged: nothing of it is left to look after. */
  forget(task: TaskId): void {
    this.#views.delete(task);
  }

  #due(task: LiveTask): Due {
    return dueOf(task, this.#cancelPatienceMs);
  }

  #holds({ atMs, task }: { atMs: number; task: TaskId }): boolean {
    const view = this.#views.get(task);
    return view?.kind === 'live' && this.#due(view).atMs === atMs;
  }
}
