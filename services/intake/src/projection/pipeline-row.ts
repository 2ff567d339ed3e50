/** A row of `pipelines`: its folded state in parts, so that what never changes is written once. */
import type { DatabaseSync } from 'node:sqlite';
import { type PipelineStatus, type PipelineSummary, stageStatuses } from '@vm-task/api/pipelines';
import { stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import type { Stored } from '@vm-task/shared/events';
import { foldPipeline, type PipelineState } from '@vm-task/shared/pipelines/state';
import type { PipelineEventType } from '@vm-task/shared/subjects';
import { statement } from './statement.ts';
import { isoTime } from './task-row.ts';

export interface PipelineRow {
  readonly id: string;
  readonly created_seq: number;
  readonly created_at: number;
  readonly completed_at: number | null;
  /** What never changes: specification and parameters. */
  readonly fixed: string;
  readonly state: string;
}

type Fixed = Pick<PipelineState, 'spec' | 'parameters'>;

/** One event's effect. Events of a pipeline whose beginning was purged have none. */
export function applyPipelineEvent(db: DatabaseSync, event: Stored<PipelineEventType>): void {
  const row = findPipeline(db, event.data.pipeline);
  const known = row === null ? null : stateOf(row);
  const state = foldPipeline(known, event);
  if (state === null || state === known) return;
  const { spec, parameters, ...changing } = state;
  if (row === null) {
    const fixed: Fixed = { spec, parameters };
    statement(
      db,
      `INSERT INTO pipelines (id, created_seq, status, created_at, resumed_from, fixed, state)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      state.pipeline,
      event.seq,
      statusOf(state),
      event.time.getTime(),
      state.resumedFrom,
      JSON.stringify(fixed),
      JSON.stringify(changing),
    );
    return;
  }
  const completedAt = state.phase.name === 'over' ? event.time.getTime() : null;
  statement(db, 'UPDATE pipelines SET status = ?, completed_at = ?, state = ? WHERE id = ?').run(
    statusOf(state),
    completedAt,
    JSON.stringify(changing),
    state.pipeline,
  );
}

export function findPipeline(db: DatabaseSync, id: string): PipelineRow | null {
  const sql = 'SELECT id, created_seq, created_at, completed_at, fixed, state FROM pipelines WHERE id = ?';
  return (statement(db, sql).get(id) as PipelineRow | undefined) ?? null;
}

export function stateOf({ fixed, state }: PipelineRow): PipelineState {
  return { ...(JSON.parse(fixed) as Fixed), ...(JSON.parse(state) as Omit<PipelineState, keyof Fixed>) };
}

export function statusOf({ phase }: PipelineState): PipelineStatus {
  return phase.name === 'over' ? 'completed' : phase.name;
}

export function pipelineSummaryOf(row: PipelineRow): PipelineSummary {
  const state = stateOf(row);
  const { phase, spec, pipeline, resumedFrom } = state;
  const stand = Object.values(stageStatusesOf(state));
  const counts = stageStatuses.map((one) => [one, stand.filter((other) => other === one).length]);
  return {
    id: pipeline,
    name: spec.name,
    status: statusOf(state),
    outcome: phase.name === 'over' ? phase.outcome : null,
    error: phase.name === 'over' ? phase.error : null,
    resumedFrom,
    progress: Object.fromEntries(counts),
    createdAt: isoTime(row.created_at),
    completedAt: row.completed_at === null ? null : isoTime(row.completed_at),
  };
}
