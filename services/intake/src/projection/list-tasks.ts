/** Tasks, the newest first, in pages. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { TaskStatus, TaskSummary } from '@vm-task/api/tasks';
import { statement } from './statement.ts';
import { summaryColumns, summaryOf, type TaskRow } from './task-row.ts';

export interface TaskFilter {
  readonly status?: TaskStatus | undefined;
  readonly pool?: string | undefined;
  /** Tasks of one team; null and none: of all. */
  readonly team?: string | null | undefined;
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
  const { tables, order, conditions, rest } = leadOf(filter);
  const all = [...conditions, [`${order} < ?`, before ?? Number.MAX_SAFE_INTEGER] as const, ...conditionsOf(rest)];
  const sql = `SELECT ${summaryColumns} FROM ${tables} WHERE ${all.map(([text]) => text).join(' AND ')}
    ORDER BY ${order} DESC LIMIT ?`;
  // One more than wanted tells whether there is a next page.
  const values = all.flatMap(([, ...given]) => given);
  const rows = statement(db, sql).all(...values, limit + 1) as unknown as TaskRow[];
  const page = rows.slice(0, limit);
  return { tasks: page.map(summaryOf), next: rows.length > limit ? (page.at(-1)?.created_seq ?? null) : null };
}

type Condition = readonly [sql: string, ...values: SQLInputValue[]];

/** One filter leads, by an index that is in the order of the list, and the rest is looked at in what it finds. */
interface Lead {
  readonly tables: string;
  readonly order: 'created_seq' | 'led.task';
  readonly conditions: readonly Condition[];
  readonly rest: TaskFilter;
}

/** First comes what few tasks can have: a status that is not the end, then labels. Nearly all have ended, so the end never leads. */
function leadOf(filter: TaskFilter): Lead {
  const { status, pool, team = null, labels = {} } = filter;
  const [label, ...others] = Object.entries(labels);
  if (status !== undefined && status !== 'completed') {
    const conditions: Condition[] = [['completed_at IS NULL AND status = ?', status]];
    return { tables: 'tasks INDEXED BY tasks_live', order: 'created_seq', conditions, rest: { pool, team, labels } };
  }
  if (label !== undefined) {
    return {
      tables: 'task_labels AS led CROSS JOIN tasks ON created_seq = led.task',
      order: 'led.task',
      conditions: [['led.name = ? AND led.value = ?', ...label]],
      rest: { status, pool, team, labels: Object.fromEntries(others) },
    };
  }
  if (team !== null) {
    const conditions: Condition[] = [['team = ?', team]];
    return { tables: 'tasks INDEXED BY tasks_by_team', order: 'created_seq', conditions, rest: { status, pool } };
  }
  if (pool === undefined)
    return { tables: 'tasks NOT INDEXED', order: 'created_seq', conditions: [], rest: { status } };
  const conditions: Condition[] = [['pool = ?', pool]];
  return { tables: 'tasks INDEXED BY tasks_by_pool', order: 'created_seq', conditions, rest: { status } };
}

/** A plus keeps an index from being used. */
function conditionsOf({ status, pool, team = null, labels = {} }: TaskFilter): Condition[] {
  const hasLabel = 'EXISTS (SELECT 1 FROM task_labels AS l WHERE l.name = ? AND l.value = ? AND l.task = created_seq)';
  return [
    ...(status === undefined ? [] : [['+status = ?', status] as const]),
    ...(pool === undefined ? [] : [['+pool = ?', pool] as const]),
    ...(team === null ? [] : [['+team = ?', team] as const]),
    ...Object.entries(labels).map(([name, value]) => [hasLabel, name, value] as const),
  ];
}
