/** VMs that a pipeline's tasks left for later ones: who may still come. */
import { type Head, isTaskEnd } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import type { Keep } from '@vm-task/shared/kept-vm';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineState, Run } from '@vm-task/shared/pipelines/state';
import { sharersOf } from '../planning/shared-vm.ts';
import { stageStatusesOf } from './next-steps.ts';

/**
 * True while a later stage may still run in the VM that the task of `keep.stage` has left. Once false, always false; it
 * is for a pipeline that the stream does not have.
 */
export function isWanted(state: PipelineState | null, keep: Keep): boolean {
  if (state?.phase.name !== 'running') return false;
  const stageStatuses = stageStatusesOf(state);
  return laterOf(state, keep).some(
    ({ name }) => stageStatuses[name] === 'waiting' || stageStatuses[name] === 'running',
  );
}

/** True while a VM waits for a later stage: `head` is the last word on the task that keeps it. */
export async function isKept(
  keep: Keep | undefined,
  head: Head | null,
  read: (pipeline: PipelineId) => Promise<PipelineState | null>,
): Promise<boolean> {
  if (keep === undefined || head === null || !isTaskEnd(head)) return false;
  // How it ended may be for a newer version to read.
  if (head.type === 'task.completed' && head.data.outcome !== 'succeeded') return false;
  return isWanted(await read(keep.pipeline), keep);
}

/** The run that is to have the VM now, or has it; null while none has been started. */
export function runThatWants(state: PipelineState | null, keep: Keep): (Run & { readonly kind: 'live' }) | null {
  if (state === null) return null;
  for (const { name } of laterOf(state, keep)) {
    const stage = state.stages[name];
    const live = stage?.kind === 'begun' ? stage.runs.find((run) => run.kind === 'live') : undefined;
    if (live !== undefined) return live;
  }
  return null;
}

function laterOf({ spec }: PipelineState, { stage: name }: Keep): StageSpec[] {
  const stage = spec.stages.find((one) => one.name === name);
  if (stage === undefined) return [];
  const sharers = sharersOf(spec.stages, stage);
  return sharers.slice(sharers.indexOf(stage) + 1);
}
