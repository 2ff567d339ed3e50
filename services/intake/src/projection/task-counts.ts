/** How many tasks there are of each kind: counted as events change them, so that nobody who asks counts rows. */
import type { DatabaseSync } from 'node:sqlite';
import type { TaskStatus } from '@vm-task/api/tasks';
import type { Outcome } from '@vm-task/shared/events';
import { statement } from './statement.ts';

/** What a task is counted as. */
export interface Kind {
  readonly pool: string;
  readonly status: TaskStatus;
  readonly outcome: Outcome | null;
  readonly team: string | null;
}

export interface TaskCount extends Omit<Kind, 'team'> {
  readonly tasks: number;
}

/** What one transaction changes; written at its end. */
export interface CountChanges {
  /** A task that was of one kind and is of another: null before it is there, and when it is gone. */
  move(from: Kind | null, to: Kind | null): void;
  save(db: DatabaseSync): void;
}

export function openCountChanges(): CountChanges {
  const changes = new Map<string, { readonly kind: Kind; by: number }>();
  const add = (kind: Kind | null, by: number) => {
    if (kind === null) return;
    const key = `${kind.status} ${kind.pool} ${kind.outcome ?? ''} ${kind.team ?? ''}`;
    const known = changes.get(key);
    if (known === undefined) changes.set(key, { kind, by });
    else known.by += by;
  };
  return {
    move(from, to) {
      add(from, -1);
      add(to, 1);
    },
    save(db) {
      const sql = `INSERT INTO task_counts (status, pool, outcome, team, tasks) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks`;
      for (const { kind, by } of changes.values()) {
        if (by !== 0) statement(db, sql).run(kind.status, kind.pool, kind.outcome ?? '', kind.team ?? '', by);
      }
    },
  };
}

/** In the order of their statuses and pools; of one team, or (null) of all. */
export function countTasks(db: DatabaseSync, team: string | null = null): readonly TaskCount[] {
  const sql = `SELECT pool, status, nullif(outcome, '') AS outcome, sum(tasks) AS tasks FROM task_counts
    WHERE tasks > 0 ${team === null ? '' : 'AND team = ?'}
    GROUP BY status, pool, task_counts.outcome ORDER BY status, pool, task_counts.outcome`;
  return statement(db, sql).all(...(team === null ? [] : [team])) as unknown as TaskCount[];
}

export interface OldestQueued {
  readonly pool: string;
  readonly createdAt: number;
}

/** When the oldest queued task of each pool that has one was created. */
export function oldestQueued(db: DatabaseSync): readonly OldestQueued[] {
  const sql = `SELECT created_at FROM tasks WHERE status = 'queued' AND pool = ? ORDER BY created_seq LIMIT 1`;
  const pools = countTasks(db).filter(({ status }) => status === 'queued');
  return pools.flatMap(({ pool }) => {
    const row = statement(db, sql).get(pool);
    return row === undefined ? [] : [{ pool, createdAt: Number(row['created_at']) }];
  });
}
