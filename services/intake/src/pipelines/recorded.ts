/** What of a pipeline that ended without success counts as done in the one that resumes it. */

import { stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import { sharersOf } from '@vm-task/pipelines/planning/shared-vm';
import type { EventData } from '@vm-task/shared/events';
import type { EndedRun } from '@vm-task/shared/pipelines/events';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineState, StageState } from '@vm-task/shared/pipelines/state';

type Recorded = Omit<NonNullable<EventData<'pipeline.created'>['resumed']>, 'from'>;

/**
 * Every run that succeeded, of stages of several items also of those that failed as a whole: only the others run again,
 * for the same items. A stage whose condition did not hold stays out. Stages for failures are asked anew, and so is one that always
 * runs where one that it needs is not done. Stages in one VM count together or not at all, and then what needs them does not count, either.
 */
export function recordedOf(state: PipelineState): Recorded {
  const stageStatuses = stageStatusesOf(state);
  const recorded: Recorded = { expand: [], ended: [], skip: [] };
  const again = new Set<string>();
  for (const spec of state.spec.stages) {
    const stage = state.stages[spec.name];
    if (stage === undefined || (spec.onFailure && stageStatuses[spec.name] !== 'skipped')) continue;
    if (hasUnfinishedVm(state, spec) || isToFollow(state, spec) || spec.needs.some((need) => again.has(need)))
      again.add(spec.name);
    else recordStage(spec.name, stage, recorded);
  }
  return recorded;
}

/** One that shares its VM with a stage that has yet to run: the VM is gone, and the two need one again. */
function hasUnfinishedVm(state: PipelineState, stage: StageSpec): boolean {
  const sharers = sharersOf(state.spec.stages, stage);
  return sharers.length > 1 && !sharers.every(({ name }) => isFinished(state.stages[name]));
}

/** One that always runs, and has seen the end of something that will run again. */
function isToFollow({ stages }: PipelineState, { always, needs }: StageSpec): boolean {
  return always === true && !needs.every((need) => isFinished(stages[need]));
}

function isFinished(stage: StageState | undefined): boolean {
  if (stage?.kind === 'skipped') return stage.reason === 'condition';
  return stage?.kind === 'begun' && stage.runs.every((run) => run.kind === 'ended' && run.outcome === 'succeeded');
}

function recordStage(name: string, stage: StageState, recorded: Recorded): void {
  if (stage.kind === 'skipped' && stage.reason === 'condition') {
    recorded.skip.push({ stage: name, reason: stage.reason, text: stage.text });
  }
  if (stage.kind !== 'begun') return;
  if (stage.items !== null) recorded.expand.push({ stage: name, items: [...stage.items] });
  for (const run of stage.runs) {
    if (run.kind !== 'ended' || run.outcome !== 'succeeded') continue;
    const { index, task, pool, outcome, error } = run;
    recorded.ended.push({ stage: name, index, task, pool, outcome, error } satisfies EndedRun);
  }
}
