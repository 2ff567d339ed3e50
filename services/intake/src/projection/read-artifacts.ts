/** The files that a task left behind, and the patterns that brought none. */
import type { DatabaseSync } from 'node:sqlite';
import type { FileView, UnmatchedView } from '@vm-task/api/tasks';
import type { HostToken } from '@vm-task/shared/events';
import { shownPath } from '@vm-task/shared/shown-path';
import type { Artifact, UnmatchedPattern } from '@vm-task/shared/task-ending';
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

/** As people see them. */
export function readFileViews(
  db: DatabaseSync,
  task: string,
): { readonly artifacts: FileView[]; readonly unmatched: UnmatchedView[] } {
  const row = statement(db, 'SELECT artifacts, unmatched FROM tasks WHERE id = ?').get(task);
  const artifacts = JSON.parse(String(row?.['artifacts'] ?? '[]')) as Artifact[];
  const unmatched = JSON.parse(String(row?.['unmatched'] ?? '[]')) as UnmatchedPattern[];
  return {
    artifacts: artifacts.map(({ path, bytes, sha256, executable = false }) => ({ path, bytes, sha256, executable })),
    unmatched: unmatched.map((one) => ({ pattern: one.pattern, note: noteOf(one) })),
  };
}

/** A newer version may have found something else: then it is as for nothing. */
function noteOf({ pattern, found }: UnmatchedPattern): string {
  const shown = shownPath(pattern);
  switch (found) {
    case 'folder':
      return `${shown} is a folder: write ${shownPath(`${pattern.replace(/\/+$/, '')}/**`)} for the files in it`;
    case 'hidden':
      return `${shown} matches only names that begin with a dot, which has to be written, as in .*`;
    default:
      return `no file matches ${shown}`;
  }
}
