/** How many tasks there are of each kind. */
import type { DatabaseSync } from 'node:sqlite';
import type { TaskStatus } from '@vm-task/api/tasks';
import type { Outcome } from '@vm-task/shared/events';
import { statement } from './statement.ts';

export interface TaskCount {
  readonly pool: string;
  readonly status: TaskStatus;
  readonly outcome: Outcome | null;
  readonly tasks: number;
  /** When the oldest of them was created. */
  readonly oldest: number;
}

export function countTasks(db: DatabaseSync): readonly TaskCount[] {
  const sql = `SELECT pool, status, outcome, count(*) AS tasks, min(created_at) AS oldest FROM tasks
    GROUP BY status, pool, outcome`;
  return statement(db, sql).all() as unknown as TaskCount[];
}
