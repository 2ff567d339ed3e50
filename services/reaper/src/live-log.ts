/**
 * The log as far as it is about what goes on: a fold that keeps nothing of what has ended, and that can be put down and
 * taken up again (`checkpoint.ts`).
 */
import type { Head } from '@vm-task/shared/events';
import { factsOfSubject, type PipelineKey, type TaskKey } from '@vm-task/shared/subjects';
import type { Checkpoint, Resumption } from './checkpoint.ts';
import { Deadlines } from './deadlines.ts';
import { LateTasks } from './late-tasks.ts';
import { ResumedPipelines } from './resumed-pipelines.ts';
import { taskOf } from './task-view.ts';

type Key = TaskKey | PipelineKey;

export class LiveLog {
  readonly deadlines: Deadlines;
  readonly late: LateTasks;
  readonly resumed: ResumedPipelines;
  /** Beginnings that could not be read here, by their keys: a newer version has to look at them. */
  readonly #unread: Map<string, Key>;
  #seq: number;

  /** From the beginning of the log, or from where a checkpoint stands. */
  constructor(patienceMs: number, { checkpoint: from, again }: Resumption = { checkpoint: null, again: [] }) {
    this.deadlines = new Deadlines(patienceMs, from?.tasks);
    this.late = new LateTasks(from?.late);
    this.resumed = new ResumedPipelines(from?.resumed);
    this.#unread = new Map(from?.unread.map((key) => [JSON.stringify(key), key]));
    for (const event of again) this.#fold(event);
    this.#seq = from?.seq ?? 0;
  }

  /** Of the last message that was taken. */
  get seq(): number {
    return this.#seq;
  }

  /** A message that is no event moves the sequence. */
  take(seq: number, event: Head | null): void {
    this.#seq = seq;
    if (event !== null) this.#fold(event);
  }

  #fold(event: Head): void {
    const ended = this.deadlines.take(event);
    this.late.take(event);
    if (ended !== null) this.late.forget(ended);
    this.resumed.take(event);
    this.#noteUnread(event);
  }

  checkpoint(stream: string): Checkpoint {
    return {
      v: 2,
      stream,
      seq: this.#seq,
      tasks: this.deadlines.live(),
      late: this.late.waiting(),
      resumed: this.resumed.all(),
      unread: [...this.#unread.values()],
    };
  }

  #noteUnread(event: Head): void {
    if (event.type === 'unknown') {
      const facts = factsOfSubject(event.subject);
      const isBeginning = facts?.type === 'task.created' || facts?.type === 'pipeline.created';
      if (isBeginning && !('vm' in facts.about || 'alert' in facts.about)) {
        this.#unread.set(JSON.stringify(facts.about), facts.about);
      }
    } else if (event.type === 'task.completed' || event.type === 'pipeline.completed') {
      const key = event.type === 'task.completed' ? taskOf(event) : { pipeline: event.data.pipeline };
      this.#unread.delete(JSON.stringify(key));
    }
  }
}
