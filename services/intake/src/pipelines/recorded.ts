/** What of a pipeline that ended without success counts as done in the one that resumes it. */
import type { EventData } from '@vm-task/shared/events';
import type { EndedRun } from '@vm-task/shared/pipelines/events';
import { standingsOf } from '@vm-task/shared/pipelines/next-steps';
import type { PipelineState, StageState } from '@vm-task/shared/pipelines/state';

type Recorded = Omit<NonNullable<EventData<'pipeline.created'>['resumed']>, 'from'>;

/**
 * Every run that succeeded, of stages of several items also of those that failed as a whole: only the others run again,
 * for the same items. A stage whose condition did not hold stays out. Stages for failures are asked anew.
 */
export function recordedOf(state: PipelineState): Recorded {
  const standings = standingsOf(state);
  const recorded: Recorded = { expand: [], ended: [], skip: [] };
  for (const { name, onFailure } of state.spec.stages) {
    const stage = state.stages[name];
    if (stage === undefined || (onFailure && standings[name] !== 'skipped')) continue;
    recordStage(name, stage, recorded);
  }
  return recorded;
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
