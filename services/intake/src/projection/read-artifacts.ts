/** The files that a task left behind. */
import type { DatabaseSync } from 'node:sqlite';
import type { Artifact } from '@vm-task/shared/task-ending';
import { statement } from './statement.ts';

export function readArtifacts(db: DatabaseSync, task: string): readonly Artifact[] {
  const row = statement(db, 'SELECT artifacts FROM tasks WHERE id = ?').get(task);
  return row === undefined ? [] : (JSON.parse(String(row['artifacts'])) as Artifact[]);
}
