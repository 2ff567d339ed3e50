/** Statements are compiled once for each database and text. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

const compiled = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

export function statement(db: DatabaseSync, sql: string): StatementSync {
  const known = compiled.get(db) ?? new Map<string, StatementSync>();
  compiled.set(db, known);
  const found = known.get(sql) ?? db.prepare(sql);
  known.set(sql, found);
  return found;
}

/** Everything that `action` writes, or nothing of it. */
export function inTransaction<T>(db: DatabaseSync, action: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const value = action();
    db.exec('COMMIT');
    return value;
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}
