/** Handles pipeline.created. Emits: pipeline.advanced | pipeline.completed. The stages that need no other begin. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import { type Advancing, advancePipeline } from './pipelines/advance.ts';

export async function onPipelineCreated(deps: Advancing, { event, signal }: Handling<Stored>): Promise<HandlerOutcome> {
  if (event.type !== 'pipeline.created') return done();
  const isUntouched = (seq: number) => seq === event.seq;
  const change = ({ seq }: { seq: number }) => (isUntouched(seq) ? [] : ('known' as const));
  await advancePipeline(deps, event.data.pipeline, event.time.getTime(), change, signal);
  return done();
}
