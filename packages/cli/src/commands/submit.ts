/** `vm-task submit`: a task on its way, and its id. */
import { print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';
import { startNote } from '../screen/start-note.ts';
import type { Common } from './tasks.ts';

export async function submit({ system, json }: Common, task: unknown, idempotencyKey?: string): Promise<void> {
  using progress = startProgress({ quiet: json });
  await system.up((what) => progress.update(startNote(what)));
  const id = await system.client.tasks.submit(task, idempotencyKey);
  progress.clear();
  if (json) printJson({ id });
  else print(id);
}
