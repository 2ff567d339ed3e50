/** Which host a task is on. */
import type { DatabaseSync } from 'node:sqlite';
import type { HostToken } from '@vm-task/shared/events';
import { statement } from './statement.ts';

/** Null for a task without a VM. */
export function hostOfTask(db: DatabaseSync, task: string): HostToken | null {
  const host = statement(db, 'SELECT vm_host FROM tasks WHERE id = ?').get(task)?.['vm_host'];
  return typeof host === 'string' ? host : null;
}
