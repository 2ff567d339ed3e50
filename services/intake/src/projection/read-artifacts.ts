/** The files that a task left behind. */
import type { DatabaseSync } from 'node:sqlite';
import type { HostToken } from '@vm-task/shared/events';
import type { Artifact } from '@vm-task/shared/task-ending';
import { statement } from './statement.ts';

export interface LeftArtifacts {
  readonly artifacts: readonly Artifact[];
  /** Whose store has them; null for a task that never had a VM. */
  readonly host: HostToken | null;
}

export function readArtifacts(db: DatabaseSync, task: string): LeftArtifacts {
  const row = statement(db, 'SELECT artifacts, vm_host FROM tasks WHERE id = ?').get(task);
  if (row === undefined) return { artifacts: [], host: null };
  const host = row['vm_host'];
  return { artifacts: JSON.parse(String(row['artifacts'])) as Artifact[], host: host === null ? null : String(host) };
}
