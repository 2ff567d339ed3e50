/** Handles pipeline.advanced. Emits: task.created. One for each stage that it starts, whatever came after. */
import type { Bus, Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import { createTasks } from './pipelines/create-tasks.ts';

export async function onPipelineAdvanced(
  { bus }: { readonly bus: Pick<Bus, 'append'> },
  { event, signal }: Handling<Stored>,
): Promise<HandlerOutcome> {
  if (event.type === 'pipeline.advanced') await createTasks(bus, event.data, event.data.start, signal);
  return done();
}
