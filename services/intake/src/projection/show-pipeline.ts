/** One pipeline as `pipeline show` shows it: its own state, and its tasks' rows. */
import type { DatabaseSync } from 'node:sqlite';
import type { PipelineView, RunView, StageView } from '@vm-task/api/pipelines';
import { errorOf, stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineState, Run } from '@vm-task/shared/pipelines/state';
import { findPipeline, pipelineSummaryOf, stateOf } from './pipeline-row.ts';
import { statement } from './statement.ts';
import { openQuestionOf, summaryColumns, summaryOf, type TaskRow } from './task-row.ts';

/** Null when there is no such pipeline. */
export function showPipeline(db: DatabaseSync, id: string): PipelineView | null {
  const row = findPipeline(db, id);
  if (row === null) return null;
  const state = stateOf(db, row);
  return {
    ...pipelineSummaryOf(row, state),
    description: state.spec.description,
    parameters: { ...state.parameters },
    stages: state.spec.stages.map((stage) => stageView(db, state, stage)),
  };
}

function stageView(
  db: DatabaseSync,
  state: PipelineState,
  { name, kind, needs, onFailure, always }: StageSpec,
): StageView {
  const stage = state.stages[name];
  const items = stage?.kind === 'begun' ? stage.items : null;
  const runs = stage?.kind === 'begun' ? stage.runs : [];
  return {
    name,
    kind,
    needs,
    onFailure,
    always: always ?? false,
    standing: stageStatusesOf(state)[name] ?? 'waiting',
    reason: stage?.kind === 'skipped' ? stage.text : null,
    error: errorOf(stage),
    runs: runs.map((run) => ({ ...runView(db, state, run), item: items?.[run.index] ?? null })),
  };
}

function runView(db: DatabaseSync, state: PipelineState, run: Run): Omit<RunView, 'item'> {
  const error = run.kind === 'live' ? null : run.error;
  const none = {
    index: run.index,
    task: null,
    question: null,
    durationMs: null,
    progress: null,
    recorded: false,
    error,
  };
  if (run.kind === 'refused') return none;
  const sql = `SELECT ${summaryColumns}, pipeline FROM tasks WHERE id = ?`;
  const row = statement(db, sql).get(run.task) as (TaskRow & { readonly pipeline: string | null }) | undefined;
  if (row === undefined) return none;
  return {
    ...none,
    task: summaryOf(row),
    question: openQuestionOf(row),
    durationMs: row.completed_at === null ? null : row.completed_at - row.created_at,
    recorded: row.pipeline !== state.pipeline,
  };
}
