/** The files that a task left behind. */
import type { DatabaseSync } from 'node:sqlite';
import type { artifactSchema } from '@vm-task/shared/events';
import type { z } from 'zod';
import { statement } from './statement.ts';

export type Artifact = z.infer<typeof artifactSchema>;

export function readArtifacts(db: DatabaseSync, task: string): readonly Artifact[] {
  const row = statement(db, 'SELECT artifacts FROM tasks WHERE id = ?').get(task);
  return row === undefined ? [] : (JSON.parse(String(row['artifacts'])) as Artifact[]);
}
