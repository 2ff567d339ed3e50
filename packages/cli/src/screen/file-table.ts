/** The files of a task as a table. */
import type { TaskView } from '@vm-task/client/views';
import { shownPath } from '@vm-task/shared/shown-path';
import { table } from './table.ts';

/** One on a line, up to so many, and how many more there are. */
export function fileTable({ id, artifacts = [] }: Pick<TaskView, 'id' | 'artifacts'>, max = artifacts.length): string {
  const rows = artifacts.slice(0, max).map(({ path, bytes, executable, sha256 }) => {
    return [shownPath(path), bytes, executable ? 'x' : '', sha256];
  });
  const shown = table(['file', 'bytes', 'mode', 'sha256'], rows);
  return artifacts.length <= max ? shown : `${shown}\nand ${artifacts.length - max} more: ./vm-task files ${id}`;
}
