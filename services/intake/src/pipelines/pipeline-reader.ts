/** Pipelines' states as the stream has them; those of the last few are remembered, so that only changes are read. */
import type { PipelineId } from '@vm-task/shared/ids';
import type { PipelineState } from '@vm-task/shared/pipelines/state';

export type ReadPipeline = (pipeline: PipelineId) => Promise<PipelineState | null>;

/** A busy system has fewer at once, and a state of usual size a few KiB. */
const maxRemembered = 128;

/** `read` reads on behind what is known. What it gives is as fresh as the stream, whatever was remembered. */
export function rememberPipelines(
  read: (pipeline: PipelineId, known: PipelineState | null) => Promise<PipelineState | null>,
): ReadPipeline {
  const remembered = new Map<PipelineId, PipelineState>();
  return async (pipeline) => {
    const state = await read(pipeline, remembered.get(pipeline) ?? null);
    remembered.delete(pipeline);
    if (state === null || state.phase.name === 'over') return state;
    remembered.set(pipeline, state);
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size > maxRemembered) remembered.delete(oldest);
    return state;
  };
}
