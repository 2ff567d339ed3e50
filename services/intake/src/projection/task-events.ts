/** Which events a task has; the events themselves are in the stream. */
import type { DatabaseSync } from 'node:sqlite';
import { statement } from './statement.ts';

export interface TaskEvents {
  /** Sequences in `EVENTS`, in order. */
  readonly seqs: readonly number[];
  /** The terminal event is among the task's events, so nothing but `vm.gone` can follow. */
  readonly over: boolean;
}

/** The task's events behind the sequence `after`. A task that is not (or no longer) there is over. */
export function readTaskEvents(db: DatabaseSync, task: string, after: number): TaskEvents {
  const sql = `SELECT seq FROM task_events WHERE task = (SELECT created_seq FROM tasks WHERE id = ?) AND seq > ?
    ORDER BY seq`;
  const rows = statement(db, sql).all(task, after) as unknown as { seq: number }[];
  return { seqs: rows.map(({ seq }) => seq), over: isOver(db, task) };
}

export function isOver(db: DatabaseSync, task: string): boolean {
  const row = statement(db, 'SELECT completed_at FROM tasks WHERE id = ?').get(task);
  return row === undefined || row['completed_at'] !== null;
}
