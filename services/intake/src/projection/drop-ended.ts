/** Forgetting tasks and pipelines whose retention is over: the stream purges their events at the same age. */
import type { DatabaseSync } from 'node:sqlite';
import { statement } from './statement.ts';

export function dropEndedBefore(db: DatabaseSync, timeMs: number): void {
  // What a pipeline has recorded is shown by those that resume it, too.
  const resumed = 'SELECT resumed_from FROM pipelines WHERE resumed_from IS NOT NULL';
  statement(db, `DELETE FROM pipelines WHERE completed_at < ? AND id NOT IN (${resumed})`).run(timeMs);
  // A pipeline's tasks are kept as long as the pipeline.
  const sql =
    'DELETE FROM tasks WHERE completed_at < ? AND (pipeline IS NULL OR pipeline NOT IN (SELECT id FROM pipelines))';
  statement(db, sql).run(timeMs);
}
