/** What a pipeline's events say of it: a fold over them, and nothing else. Plain JSON, so that it can be kept as such. */
import type { ErrorInfo } from '../errors.ts';
import type { EventData, Stored } from '../events.ts';
import type { PipelineId, TaskId } from '../ids.ts';
import type { Json } from '../json.ts';
import { type Ownership, ownershipOf, type Principal } from '../people.ts';
import type { Outcome } from '../task-ending.ts';
import type { Changes, skipReasons } from './events.ts';
import type { PipelineSpec } from './spec.ts';

export type SkipReason = (typeof skipReasons)[number];
export type PipelineOutcome = EventData<'pipeline.completed'>['outcome'];
type PipelineEvent = Stored<'pipeline.created' | 'pipeline.advanced' | 'pipeline.cancelling' | 'pipeline.completed'>;

export type Run =
  | { readonly kind: 'live'; readonly index: number; readonly task: TaskId; readonly pool: string }
  | {
      readonly kind: 'ended';
      readonly index: number;
      readonly task: TaskId;
      readonly pool: string;
      readonly outcome: Outcome;
      readonly error: ErrorInfo | null;
    }
  /** It could not be started. */
  | { readonly kind: 'refused'; readonly index: number; readonly error: ErrorInfo };

export type StageState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'skipped'; readonly reason: SkipReason; readonly text: string }
  /** The stage as a whole could not be started. */
  | { readonly kind: 'refused'; readonly error: ErrorInfo }
  /** `items` is null for a stage that runs once. Runs that are not there yet have not been started. */
  | { readonly kind: 'begun'; readonly items: readonly Json[] | null; readonly runs: readonly Run[] };

export type Phase =
  | { readonly name: 'running' | 'cancelling' }
  | { readonly name: 'over'; readonly outcome: PipelineOutcome; readonly error: ErrorInfo | null };

export interface PipelineState extends Ownership {
  readonly pipeline: PipelineId;
  /** Of its last event. */
  readonly seq: number;
  readonly spec: PipelineSpec;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly resumedFrom: PipelineId | null;
  /** Who submitted it, or the first of those that it goes on with. */
  readonly submitter?: Principal | undefined;
  readonly phase: Phase;
  readonly stages: Readonly<Record<string, StageState>>;
}

/** The state after one more event; null while the beginning was not seen. What comes after the end changes nothing. */
export function foldPipeline(state: PipelineState | null, event: PipelineEvent): PipelineState | null {
  if (event.type === 'pipeline.created') return state ?? begin(event);
  return state === null ? null : foldChange(state, event);
}

/** The same for a part of a state that has at least the stages and runs that the event is about, behind the beginning. */
export function foldChange<S extends Pick<PipelineState, 'seq' | 'phase' | 'stages'>>(
  state: S,
  event: Exclude<PipelineEvent, { type: 'pipeline.created' }>,
): S {
  if (state.phase.name === 'over' || event.seq <= state.seq) return state;
  const known = { ...state, seq: event.seq };
  switch (event.type) {
    case 'pipeline.advanced':
      return applyChanges(known, event.data);
    case 'pipeline.cancelling':
      return { ...known, phase: { name: 'cancelling' } };
    case 'pipeline.completed': {
      const { outcome, error } = event.data;
      return { ...applyChanges(known, event.data), phase: { name: 'over', outcome, error } };
    }
  }
}

/** The state with these changes, which may not be stored yet. Those of runs that are known already change nothing. */
export function applyChanges<S extends Pick<PipelineState, 'stages'>>(
  state: S,
  changes: Omit<Changes, 'start'> & Partial<Changes>,
): S {
  const stages: Record<string, StageState> = { ...state.stages };
  for (const { stage, items } of changes.expand) stages[stage] = { kind: 'begun', items, runs: [] };
  for (const { stage, index, task, pool } of changes.start ?? []) {
    stages[stage] = withRun(stages[stage], { kind: 'live', index, task, pool });
  }
  for (const { stage, ...ended } of changes.ended) {
    stages[stage] = withRun(stages[stage], { kind: 'ended', ...ended });
  }
  for (const { stage, reason, text } of changes.skip) stages[stage] = { kind: 'skipped', reason, text };
  for (const { stage, index, error } of changes.fail) {
    stages[stage] =
      index === null ? { kind: 'refused', error } : withRun(stages[stage], { kind: 'refused', index, error });
  }
  return { ...state, stages };
}

/** The run of a task that has not ended yet, as far as the pipeline knows; null when there is none. */
export function liveRun(state: PipelineState, stage: string, task: TaskId): (Run & { kind: 'live' }) | null {
  const known = state.stages[stage];
  const runs = known?.kind === 'begun' ? known.runs : [];
  return runs.filter((run) => run.kind === 'live').find((run) => run.task === task) ?? null;
}

function begin({ data, seq }: Stored<'pipeline.created'>): PipelineState {
  const { pipeline, spec, parameters, resumed } = data;
  const stages = Object.fromEntries(spec.stages.map(({ name }) => [name, { kind: 'waiting' } as const]));
  const resumedFrom = resumed?.from ?? null;
  const phase = { name: 'running' } as const;
  const submitter = data.submitter ?? data.principal;
  const own = { ...(submitter === undefined ? {} : { submitter }), ...ownershipOf(data) };
  const state = { pipeline, seq, spec, parameters, resumedFrom, phase, stages, ...own };
  return resumed === null ? state : applyChanges(state, { ...resumed, fail: [] });
}

/** A run's end is final; until then the latest word counts. */
function withRun(stage: StageState | undefined, run: Run): StageState {
  if (stage === undefined || (stage.kind !== 'begun' && stage.kind !== 'waiting')) return stage ?? { kind: 'waiting' };
  const begun = stage.kind === 'begun' ? stage : { kind: 'begun' as const, items: null, runs: [] };
  const known = begun.runs.find(({ index }) => index === run.index);
  if (known !== undefined && (known.kind !== 'live' || run.kind === 'live')) return begun;
  const others = begun.runs.filter(({ index }) => index !== run.index);
  return { ...begun, runs: [...others, run].sort((a, b) => a.index - b.index) };
}
