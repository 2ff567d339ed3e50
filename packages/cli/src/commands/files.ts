/** The files that a task left behind, in lists. */
import { fileTable } from '../screen/file-table.ts';
import { plainLine } from '../screen/plain-text.ts';
import { note, print, printJson } from '../screen/print.ts';
import type { Common } from './tasks.ts';

export async function files({ system, json }: Common, task: string): Promise<void> {
  const view = await system.client.tasks.show(task);
  const { id, artifacts = [], unmatched = [] } = view;
  if (json) return printJson({ id, artifacts, unmatched });
  if (artifacts.length > 0) print(fileTable(view));
  for (const one of unmatched) note(plainLine(one.note));
}
