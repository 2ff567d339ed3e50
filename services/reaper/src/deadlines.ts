/** When each task has to be over (I7), by the broker's times in its events. */
import type { Head } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import TinyQueue from 'tinyqueue';
import { foldTask, type LiveTask, taskOf } from './task-view.ts';

export type DueKind = 'queue' | 'setup' | 'run' | 'total' | 'cancel';

export interface Due {
  readonly kind: DueKind;
  readonly atMs: number;
}

/**
 * A task's next deadline. One that is being cancelled has only that of its cancelling. Each attempt may wait for its VM
 * as long as the first; the pause before it counts in nothing but the total. What has a VM is stopped at its limit by its
 * runner, which has `patienceMs` for that.
 */
export function dueOf({ phase, createdMs, timeouts }: LiveTask, patienceMs: number): Due {
  if (phase.name === 'cancelling') return { kind: 'cancel', atMs: phase.sinceMs + patienceMs };
  const total = { kind: 'total', atMs: createdMs + timeouts.totalMs } as const;
  if (phase.name === 'unknown') return total;
  const kind = phase.name === 'retry' ? 'queue' : phase.name;
  const inPhase = { kind, atMs: phase.sinceMs + timeouts[`${kind}Ms`] };
  const limit = inPhase.atMs <= total.atMs ? inPhase : total;
  return 'vm' in phase ? { ...limit, atMs: limit.atMs + patienceMs } : limit;
}

export interface Overdue {
  readonly task: LiveTask;
  readonly due: Due;
}

/** Every live task and the earliest deadlines first; fed with the events in their order. What has ended is not kept. */
export class Deadlines {
  readonly #patienceMs: number;
  readonly #live = new Map<TaskId, LiveTask>();
  /** Entries of deadlines that no longer hold stay until they come up, and are passed over then. */
  readonly #heap = new TinyQueue<{ readonly atMs: number; readonly task: TaskId }>([], (a, b) => a.atMs - b.atMs);

  /** `live`: what was live after the last event that is not fed any more. */
  constructor(patienceMs: number, live: readonly LiveTask[] = []) {
    this.#patienceMs = patienceMs;
    for (const view of live) this.#put(view);
  }

  /** The task that has ended with this event, or null. */
  take(event: Head): TaskId | null {
    const task = taskOf(event)?.task ?? null;
    if (task === null) return null;
    const before = this.#live.get(task) ?? null;
    const view = foldTask(before, event);
    if (view === before) return null;
    if (view !== null) this.#put(view);
    else this.#live.delete(task);
    return view === null ? task : null;
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
      const task = this.#live.get(this.#heap.pop()?.task as TaskId);
      if (task !== undefined) due.push({ task, due: this.#due(task) });
    }
    return due;
  }

  /** All that is overdue, whether it was taken before or not: what the sweep looks at. */
  allOverdue(nowMs: number): Overdue[] {
    return this.live()
      .map((task) => ({ task, due: this.#due(task) }))
      .filter(({ due }) => due.atMs <= nowMs);
  }

  /** The log knows it no longer. */
  forget(task: TaskId): void {
    this.#live.delete(task);
  }

  live(): LiveTask[] {
    return [...this.#live.values()];
  }

  #put(view: LiveTask): void {
    this.#live.set(view.task, view);
    this.#heap.push({ atMs: this.#due(view).atMs, task: view.task });
  }

  #due(task: LiveTask): Due {
    return dueOf(task, this.#patienceMs);
  }

  #holds({ atMs, task }: { atMs: number; task: TaskId }): boolean {
    const view = this.#live.get(task);
    return view !== undefined && this.#due(view).atMs === atMs;
  }
}
