/** `vm-task submit`: a task on its way, and its id. */
import { ensureUp } from '@vm-task/embedded/detach';
import { createHomeClient } from '@vm-task/embedded/home-client';
import { print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';
import { startNote } from '../screen/start-note.ts';
import type { Common } from './tasks.ts';

export async function submit({ home, json }: Common, task: unknown, idempotencyKey?: string): Promise<void> {
  using progress = startProgress({ quiet: json });
  await ensureUp(home, (what) => progress.update(startNote(what)));
  const id = await createHomeClient(home).tasks.submit(task, idempotencyKey);
  progress.clear();
  if (json) printJson({ id });
  else print(id);
}
