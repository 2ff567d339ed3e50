/** Forgetting tasks whose retention is over: the stream purges their events at the same age. */
import type { DatabaseSync } from 'node:sqlite';
import { statement } from './statement.ts';

export function dropEndedBefore(db: DatabaseSync, timeMs: number): void {
  statement(db, 'DELETE FROM tasks WHERE completed_at < ?').run(timeMs);
}
