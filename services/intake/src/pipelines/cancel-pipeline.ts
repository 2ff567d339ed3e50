/** Asking for a pipeline's end: one `pipeline.cancelling`, read again for as long as others are faster. */
import type { Bus } from '@vm-task/bus/bus';
import { anyHost, type EventData, type Stored } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import { ownershipOf } from '@vm-task/shared/people';
import type { CancelRequest } from '../cancel-task.ts';
import type { ReadPipeline } from './pipeline-reader.ts';

export type CancelledPipeline =
  | { readonly kind: 'cancelling'; readonly seq: number }
  | { readonly kind: 'over'; readonly outcome: EventData<'pipeline.completed'>['outcome'] }
  | { readonly kind: 'unknown' };

export interface CancellingPipeline {
  readonly bus: Pick<Bus, 'append'>;
  readonly readPipeline: ReadPipeline;
}

export async function cancelPipeline(
  { bus, readPipeline }: CancellingPipeline,
  pipeline: PipelineId,
  { by, reason, principal }: CancelRequest,
  signal: AbortSignal,
): Promise<CancelledPipeline> {
  for (;;) {
    const state = await readPipeline(pipeline);
    if (state === null) return { kind: 'unknown' };
    if (state.phase.name === 'over') return { kind: 'over', outcome: state.phase.outcome };
    if (state.phase.name === 'cancelling') return { kind: 'cancelling', seq: state.seq };
    const data = { v: 1 as const, pipeline, by, reason, ...ownershipOf({ principal }) };
    const appended = await bus.append({ type: 'pipeline.cancelling', data, host: anyHost }, state.seq, signal);
    if (appended.kind === 'stored') return { kind: 'cancelling', seq: (appended.event as Stored).seq };
  }
}
