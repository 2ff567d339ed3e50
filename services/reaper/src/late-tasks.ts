/** Tasks that somebody wants to hear of when they are not done in time (`alertAfter`). Nothing is stopped by it. */

import type { Answerers } from '@vm-task/shared/answerers';
import { answerersText } from '@vm-task/shared/answerers-text';
import { formatDuration } from '@vm-task/shared/durations';
import { anyHost, type Draft, type Head, type Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import TinyQueue from 'tinyqueue';

export interface LateTask {
  readonly task: TaskId;
  readonly pool: string;
  readonly afterMs: number;
  /** Of one that waits for people, where not everybody may answer. */
  readonly answerers?: Answerers | undefined;
  /** By the broker's clock. */
  readonly atMs: number;
}

const kind = 'task-late';

/** Those that are not reported yet, the first ones first; fed with the events in their order. */
export class LateTasks {
  readonly #waiting = new Map<string, LateTask>();
  /** Entries of tasks that are over or reported stay until they come up, and are passed over then. */
  readonly #heap = new TinyQueue<LateTask>([], (a, b) => a.atMs - b.atMs);

  constructor(waiting: readonly LateTask[] = []) {
    for (const late of waiting) this.#add(late);
  }

  take(event: Head): void {
    if (event.type === 'task.created') this.#await(event);
    if (event.type === 'alert.raised' && event.data.kind === kind && event.host === anyHost) {
      this.#waiting.delete(event.data.id);
    }
  }

  /** The task is over. */
  forget(task: TaskId): void {
    this.#waiting.delete(task);
  }

  waiting(): readonly LateTask[] {
    return [...this.#waiting.values()];
  }

  /** When the next one is late, or null when none will be. */
  nextMs(): number | null {
    for (;;) {
      const first = this.#heap.peek();
      if (first === undefined || this.#waiting.has(first.task)) return first?.atMs ?? null;
      this.#heap.pop();
    }
  }

  /** Those that have become late since the last call. */
  takeDue(nowMs: number): LateTask[] {
    const due: LateTask[] = [];
    for (let atMs = this.nextMs(); atMs !== null && atMs <= nowMs; atMs = this.nextMs()) {
      due.push(this.#heap.pop() as LateTask);
    }
    return due;
  }

  /** All that are late and that the log has no alert of, whether they were taken before or not. */
  allDue(nowMs: number): LateTask[] {
    return [...this.#waiting.values()].filter(({ atMs }) => atMs <= nowMs);
  }

  #await({ data: { task, pool, spec }, time }: Stored<'task.created'>): void {
    const { alertAfterMs: afterMs } = spec;
    if (afterMs === undefined) return;
    const answerers = spec.main.kind === 'answer' ? spec.main.answerers : undefined;
    const late = { task, pool, afterMs, atMs: time.getTime() + afterMs };
    this.#add(answerers === undefined ? late : { ...late, answerers });
  }

  #add(late: LateTask): void {
    this.#waiting.set(late.task, late);
    this.#heap.push(late);
  }
}

/** Named after the task, so that the broker stores it once, whichever reaper raises it. */
export function lateAlert({ task, pool, afterMs, answerers }: LateTask): Draft<'alert.raised'> {
  const late = `task ${task} of pool "${pool}" is not done ${formatDuration(afterMs)} after it was submitted; it goes on`;
  const text = answerers === undefined ? late : `${late}, and may be answered by ${answerersText(answerers)}`;
  const links = [{ title: 'task', href: `/v1/tasks/${task}` }];
  return { type: 'alert.raised', data: { v: 1, severity: 'warning', kind, id: task, text, links }, host: anyHost };
}
