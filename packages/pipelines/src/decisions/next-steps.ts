/**
 * What is to happen in a pipeline next, as far as that follows from its state alone: which stages may begin, which will
 * not run any more, and whether it is over. Values of expressions are somebody else's business.
 */
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { Changes } from '@vm-task/shared/pipelines/events';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineOutcome, PipelineState, Run, StageState } from '@vm-task/shared/pipelines/state';

export type StageStatus = 'waiting' | 'running' | 'succeeded' | 'failed' | 'skipped';

export type NextSteps =
  /** Stages that will never run: to be recorded before anything else is asked. */
  | { readonly kind: 'skip'; readonly skip: Changes['skip'] }
  /** Stages whose needs are met, and runs of begun stages that have not been started. */
  | { readonly kind: 'go'; readonly begin: readonly StageSpec[]; readonly resume: readonly StageSpec[] }
  | { readonly kind: 'over'; readonly outcome: PipelineOutcome; readonly error: ErrorInfo | null }
  /** Something runs, and nothing else can be done. */
  | { readonly kind: 'wait' };

export function nextSteps(state: PipelineState): NextSteps {
  const stageStatuses = stageStatusesOf(state);
  const waiting = state.spec.stages.filter(({ name }) => stageStatuses[name] === 'waiting');
  const skip = waiting.flatMap((stage) => skipOf(stage, state, stageStatuses) ?? []);
  if (skip.length > 0) return { kind: 'skip', skip };
  const begin = waiting.filter(({ needs }) => needs.every((need) => isFinal(stageStatuses[need])));
  const resume = state.spec.stages.filter(
    (one) => mayStart(state, one) && unstarted(state.stages[one.name]).length > 0,
  );
  if (begin.length > 0 || resume.length > 0) return { kind: 'go', begin, resume };
  if (Object.values(stageStatuses).every(isFinal)) return overOf(state, stageStatuses);
  return { kind: 'wait' };
}

/** How each stage stands. */
export function stageStatusesOf(state: PipelineState): Readonly<Record<string, StageStatus>> {
  return Object.fromEntries(
    state.spec.stages.map((stage) => [stage.name, stageStatusOf(state.stages[stage.name], mayStart(state, stage))]),
  );
}

/** The items of a begun stage for which nothing was started yet, by their indexes. */
export function unstarted(stage: StageState | undefined): number[] {
  if (stage?.kind !== 'begun') return [];
  const begun = new Set(stage.runs.map(({ index }) => index));
  return (stage.items ?? [null]).map((_item, index) => index).filter((index) => !begun.has(index));
}

/** The runs that a cancelling ends: those of stages that always run go on. */
export function runsToCancel({ spec, stages }: PipelineState): (Run & { kind: 'live' })[] {
  const toEnd = spec.stages.filter(({ always }) => always !== true);
  return liveRuns({ stages: Object.fromEntries(toEnd.map(({ name }) => [name, stages[name] ?? { kind: 'waiting' }])) });
}

/** The runs that have a task which has not ended. */
export function liveRuns({ stages }: Pick<PipelineState, 'stages'>): (Run & { kind: 'live' })[] {
  const runs = Object.values(stages).flatMap((stage) => (stage.kind === 'begun' ? stage.runs : []));
  return runs.filter((run) => run.kind === 'live');
}

/** The error of a stage that failed: of its first run that did. */
export function errorOf(stage: StageState | undefined): ErrorInfo | null {
  if (stage?.kind === 'refused') return stage.error;
  const failed = stage?.kind === 'begun' ? stage.runs.find(hasFailed) : undefined;
  return failed === undefined || failed.kind === 'live' ? null : failed.error;
}

/**
 * After a failure, more runs of a stage begin only where the policy is to go on, or the stage is for failures; after a
 * cancelling, only those of a stage that always runs.
 */
function mayStart(state: PipelineState, { onFailure, always }: StageSpec): boolean {
  if (state.phase.name === 'over') return false;
  if (always === true) return true;
  if (state.phase.name === 'cancelling') return false;
  return onFailure || state.spec.failure === 'continue' || !anyFailure(state);
}

function anyFailure({ stages }: PipelineState): boolean {
  return Object.values(stages).some(
    (stage) => stage.kind === 'refused' || (stage.kind === 'begun' && stage.runs.some(hasFailed)),
  );
}

function hasFailed(run: Run): boolean {
  return run.kind === 'refused' || (run.kind === 'ended' && run.outcome !== 'succeeded');
}

function stageStatusOf(stage: StageState | undefined, more: boolean): StageStatus {
  switch (stage?.kind) {
    case undefined:
    case 'waiting':
      return 'waiting';
    case 'skipped':
      return 'skipped';
    case 'refused':
      return 'failed';
    case 'begun': {
      if (stage.runs.some(({ kind }) => kind === 'live')) return 'running';
      const left = unstarted(stage).length;
      if (left > 0 && more) return 'running';
      return left > 0 || stage.runs.some(hasFailed) ? 'failed' : 'succeeded';
    }
  }
}

function isFinal(status: StageStatus | undefined): boolean {
  return status !== 'waiting' && status !== 'running';
}

function skipOf(
  { name: stage, needs, onFailure, always }: StageSpec,
  state: PipelineState,
  stageStatuses: Readonly<Record<string, StageStatus>>,
): Changes['skip'][number] | null {
  if (always === true) return null;
  if (state.phase.name === 'cancelling') return { stage, reason: 'cancelled', text: 'the pipeline was cancelled' };
  if (onFailure) {
    const isDecided = needs.every((need) => isFinal(stageStatuses[need]));
    if (!isDecided || needs.some((need) => stageStatuses[need] === 'failed')) return null;
    return { stage, reason: 'not-needed', text: 'nothing that it is for has failed' };
  }
  const missing = needs.find((need) => stageStatuses[need] === 'failed' || stageStatuses[need] === 'skipped');
  if (missing !== undefined) {
    const what = stageStatuses[missing] === 'failed' ? 'has failed' : 'was skipped';
    return { stage, reason: 'needs', text: `the stage "${missing}" ${what}` };
  }
  if (state.spec.failure === 'continue' || !anyFailure(state)) return null;
  return { stage, reason: 'stopped', text: 'another stage has failed' };
}

function overOf(state: PipelineState, stageStatuses: Readonly<Record<string, StageStatus>>): NextSteps {
  if (state.phase.name === 'cancelling') return { kind: 'over', outcome: 'cancelled', error: null };
  const failed = state.spec.stages.find(({ name }) => stageStatuses[name] === 'failed');
  if (failed === undefined) return { kind: 'over', outcome: 'succeeded', error: null };
  const cause = errorOf(state.stages[failed.name]);
  const message = `the stage "${failed.name}" has failed: ${cause?.message ?? 'it was cut short'}`;
  return { kind: 'over', outcome: 'failed', error: { code: 'stage-failed', message } };
}
