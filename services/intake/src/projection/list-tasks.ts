/** Tasks, the newest first, in pages. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { TaskStatus, TaskSummary } from '@vm-task/api/tasks';
import { statement } from './statement.ts';
import { summaryColumns, summaryOf, type TaskRow } from './task-row.ts';

export interface TaskFilter {
  readonly status?: TaskStatus | undefined;
  readonly pool?: string | undefined;
  /** Every one of them must be there with that value. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface TaskPage {
  readonly tasks: TaskSummary[];
  /** Where the next page begins: the `before` of the next question; null on the last page. */
  readonly next: number | null;
}

/** At most `limit` tasks that were created before the sequence `before`. */
export function listTasks(db: DatabaseSync, filter: TaskFilter, limit: number, before: number | null): TaskPage {
  const conditions: [sql: string, ...values: SQLInputValue[]][] = [];
  if (before !== null) conditions.push(['created_seq < ?', before]);
  if (filter.status !== undefined) conditions.push(['status = ?', filter.status]);
  if (filter.pool !== undefined) conditions.push(['pool = ?', filter.pool]);
  for (const [name, value] of Object.entries(filter.labels ?? {})) {
    conditions.push(['EXISTS (SELECT 1 FROM json_each(labels) AS l WHERE l.key = ? AND l.value = ?)', name, value]);
  }
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.map(([sql]) => sql).join(' AND ')}`;
  const sql = `SELECT ${summaryColumns} FROM tasks ${where} ORDER BY created_seq DESC LIMIT ?`;
  const values = conditions.flatMap(([, ...given]) => given);
  // One more than wanted tells whether there is a next page.
  const rows = statement(db, sql).all(...values, limit + 1) as unknown as TaskRow[];
  const page = rows.slice(0, limit);
  return { tasks: page.map(summaryOf), next: rows.length > limit ? (page.at(-1)?.created_seq ?? null) : null };
}
