/** Whether a task is one of its own. */
import type { DatabaseSync } from 'node:sqlite';
import { statement } from './statement.ts';

/** True when it is here and no part of a pipeline; false may also mean that it is not here yet, or no longer. */
export function isPlainTask(db: DatabaseSync, task: string): boolean {
  return statement(db, 'SELECT 1 FROM tasks WHERE id = ? AND pipeline IS NULL').get(task) !== undefined;
}
