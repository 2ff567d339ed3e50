/** A pipeline's rows, its stages' and its runs', as the state that its events fold into, and as the summary that is listed. */
import type { DatabaseSync } from 'node:sqlite';
import { type PipelineStatus, type PipelineSummary, stageStatuses } from '@vm-task/api/pipelines';
import { stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import type { PipelineId } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';
import type { Phase, PipelineState, Run, StageState } from '@vm-task/shared/pipelines/state';
import { statement } from './statement.ts';
import { isoTime } from './task-row.ts';

export const pipelineColumns = 'id, created_seq, seq, phase, created_at, completed_at, resumed_from, fixed';

export interface PipelineRow {
  readonly id: PipelineId;
  readonly created_seq: number;
  readonly seq: number;
  readonly phase: string;
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly resumed_from: PipelineId | null;
  /** What never changes. */
  readonly fixed: string;
}

export type Fixed = Pick<PipelineState, 'spec' | 'parameters'>;
/** A stage without its runs and items, which have columns and rows of their own. */
export type BareStage = StageState extends infer S ? Omit<S, 'items' | 'runs'> : never;

export function findPipeline(db: DatabaseSync, id: string): PipelineRow | null {
  const row = statement(db, `SELECT ${pipelineColumns} FROM pipelines WHERE id = ?`).get(id);
  return (row as PipelineRow | undefined) ?? null;
}

export function stateOf(db: DatabaseSync, row: PipelineRow): PipelineState {
  return {
    pipeline: row.id,
    seq: row.seq,
    ...(JSON.parse(row.fixed) as Fixed),
    resumedFrom: row.resumed_from,
    phase: phaseOf(row),
    stages: stagesOf(db, row.created_seq),
  };
}

export function phaseOf({ phase }: Pick<PipelineRow, 'phase'>): Phase {
  return JSON.parse(phase) as Phase;
}

function stagesOf(db: DatabaseSync, pipeline: number): Record<string, StageState> {
  const runs = new Map<string, Run[]>();
  const runRows = statement(db, 'SELECT stage, run FROM runs WHERE pipeline = ? ORDER BY stage, number').all(pipeline);
  for (const { stage, run } of runRows as unknown as { stage: string; run: string }[]) {
    const known = runs.get(stage) ?? [];
    runs.set(stage, known);
    known.push(JSON.parse(run) as Run);
  }
  const rows = statement(db, 'SELECT name, state, items FROM stages WHERE pipeline = ?').all(pipeline);
  const stages = rows as unknown as { name: string; state: string; items: string }[];
  return Object.fromEntries(
    stages.map(({ name, state, items }) => [name, stageOf(state, () => JSON.parse(items), runs.get(name) ?? [])]),
  );
}

export function stageOf(state: string, items: () => readonly Json[] | null, runs: readonly Run[]): StageState {
  const bare = JSON.parse(state) as BareStage;
  return bare.kind === 'begun' ? { kind: 'begun', items: items(), runs } : (bare as StageState);
}

export function statusOf({ name }: Phase): PipelineStatus {
  return name === 'over' ? 'completed' : name;
}

export function pipelineSummaryOf(row: PipelineRow, state: PipelineState): PipelineSummary {
  const { phase, spec, pipeline, resumedFrom } = state;
  const stand = Object.values(stageStatusesOf(state));
  const counts = stageStatuses.map((one) => [one, stand.filter((other) => other === one).length]);
  return {
    id: pipeline,
    name: spec.name,
    status: statusOf(phase),
    outcome: phase.name === 'over' ? phase.outcome : null,
    error: phase.name === 'over' ? phase.error : null,
    resumedFrom,
    progress: Object.fromEntries(counts),
    createdAt: isoTime(row.created_at),
    completedAt: row.completed_at === null ? null : isoTime(row.completed_at),
  };
}
