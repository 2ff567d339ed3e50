/** Forgetting tasks and pipelines whose retention is over: the stream purges their events at the same age. */
import type { DatabaseSync } from 'node:sqlite';
import { inTransaction, statement } from './statement.ts';
import { type Kind, openCountChanges } from './task-counts.ts';
import { uncountOutput } from './team-days.ts';

/** Whoever submits meanwhile waits for one of these, a few milliseconds. */
const maxAtOnce = 200;

/** When the oldest of the newest so many tasks was submitted; null while there are no more than these. */
export function beginningOfNewest(db: DatabaseSync, maxTasks: number): number | null {
  const { all } = statement(db, 'SELECT sum(tasks) AS "all" FROM task_counts').get() as { all: number | null };
  const more = (all ?? 0) - maxTasks;
  if (more <= 0) return null;
  const sql = 'SELECT created_at FROM tasks ORDER BY created_seq LIMIT 1 OFFSET ?';
  return (statement(db, sql).get(more) as { created_at: number }).created_at;
}

/** Forgets some of what ended before then. Returns true when there is no more of it. */
export function dropEndedBefore(db: DatabaseSync, timeMs: number): boolean {
  return inTransaction(db, () => {
    const pipelines = dropPipelines(db, timeMs);
    const tasks = dropTasks(db, timeMs);
    return pipelines < maxAtOnce && tasks < maxAtOnce;
  });
}

/** What a pipeline has recorded is shown by those that resume it, too. */
function dropPipelines(db: DatabaseSync, timeMs: number): number {
  const sql = `DELETE FROM pipelines WHERE created_seq IN (
    SELECT created_seq FROM pipelines AS ended WHERE completed_at < ?
      AND NOT EXISTS (SELECT 1 FROM pipelines AS later WHERE later.resumed_from = ended.id) LIMIT ${maxAtOnce})`;
  return Number(statement(db, sql).run(timeMs).changes);
}

/** A pipeline's tasks are kept as long as the pipeline. */
function dropTasks(db: DatabaseSync, timeMs: number): number {
  const sql = `SELECT created_seq, pool, status, outcome, team FROM tasks AS ended WHERE completed_at < ?
    AND (pipeline IS NULL OR NOT EXISTS (SELECT 1 FROM pipelines WHERE pipelines.id = ended.pipeline)) LIMIT ${maxAtOnce}`;
  const ended = statement(db, sql).all(timeMs) as unknown as (Kind & { readonly created_seq: number })[];
  const counts = openCountChanges();
  for (const { created_seq, ...kind } of ended) {
    uncountOutput(db, kind.team, created_seq);
    statement(db, 'DELETE FROM tasks WHERE created_seq = ?').run(created_seq);
    counts.move(kind, null);
  }
  counts.save(db);
  return ended.length;
}
