/**
 * One event's effect on its pipeline's rows. An event says which stages and runs it is about, so the fold that all share
 * is given those alone, and what it changes of them is written: an event of a pipeline with a thousand runs costs no more.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Stored } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import {
  foldChange,
  foldPipeline,
  type PipelineState,
  type Run,
  type StageState,
} from '@vm-task/shared/pipelines/state';
import type { PipelineEventType } from '@vm-task/shared/subjects';
import { type BareStage, type Fixed, type PipelineRow, phaseOf, stageOf, statusOf } from './pipeline-row.ts';
import { statement } from './statement.ts';

/** Events of a pipeline whose beginning was purged have no effect. */
export function applyPipelineEvent(db: DatabaseSync, event: Stored<PipelineEventType>): void {
  const known = findKnown(db, event.data.pipeline);
  if (event.type === 'pipeline.created') {
    const state = known === null ? foldPipeline(null, event) : null;
    if (state !== null) insert(db, event, state, event.data.team ?? null);
    return;
  }
  if (known === null) return;
  const { created_seq: pipeline, seq } = known;
  const stages = event.type === 'pipeline.cancelling' ? {} : stagesIn(db, pipeline, aboutOf(event.data));
  const before = { seq, phase: phaseOf(known), stages };
  const after = foldChange(before, event);
  if (after === before) return;
  const completedAt = after.phase.name === 'over' ? event.time.getTime() : null;
  const sql = 'UPDATE pipelines SET seq = ?, status = ?, phase = ?, completed_at = ? WHERE created_seq = ?';
  statement(db, sql).run(after.seq, statusOf(after.phase), JSON.stringify(after.phase), completedAt, pipeline);
  for (const [name, stage] of Object.entries(after.stages)) saveStage(db, pipeline, name, stages[name], stage);
}

type Known = Pick<PipelineRow, 'created_seq' | 'seq' | 'phase'>;

function findKnown(db: DatabaseSync, id: PipelineId): Known | null {
  const row = statement(db, 'SELECT created_seq, seq, phase FROM pipelines WHERE id = ?').get(id);
  return (row as unknown as Known | undefined) ?? null;
}

function insert(db: DatabaseSync, { seq, time }: Stored, state: PipelineState, team: string | null): void {
  const { spec, parameters, pipeline, phase, resumedFrom, stages } = state;
  const fixed: Fixed = { spec, parameters };
  const sql = `INSERT INTO pipelines (id, created_seq, seq, status, phase, created_at, resumed_from, team, fixed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  const columns = [statusOf(phase), JSON.stringify(phase), time.getTime(), resumedFrom, team] as const;
  statement(db, sql).run(pipeline, seq, seq, ...columns, JSON.stringify(fixed));
  for (const [name, stage] of Object.entries(stages)) saveStage(db, seq, name, undefined, stage);
}

/** Stages that an event is about, each with the numbers of the runs. */
type About = ReadonlyMap<string, ReadonlySet<number>>;
type Changes = Stored<'pipeline.advanced' | 'pipeline.completed'>['data'];

function aboutOf({ expand, start, ended, skip, fail }: Changes): About {
  const about = new Map<string, Set<number>>();
  const add = (stage: string, index: number | null) => {
    const runs = about.get(stage) ?? new Set();
    about.set(stage, index === null ? runs : runs.add(index));
  };
  for (const { stage } of [...expand, ...skip]) add(stage, null);
  for (const { stage, index } of [...start, ...ended, ...fail]) add(stage, index);
  return about;
}

/** Without the items, which no change depends on. */
function stagesIn(db: DatabaseSync, pipeline: number, about: About): Record<string, StageState> {
  const stages: Record<string, StageState> = {};
  for (const [name, numbers] of about) {
    const row = statement(db, 'SELECT state FROM stages WHERE pipeline = ? AND name = ?').get(pipeline, name);
    const runs = [...numbers].sort((a, b) => a - b).flatMap((number) => findRun(db, pipeline, name, number) ?? []);
    if (row !== undefined) stages[name] = stageOf(String(row['state']), () => null, runs);
  }
  return stages;
}

function findRun(db: DatabaseSync, pipeline: number, stage: string, number: number): Run | null {
  const sql = 'SELECT run FROM runs WHERE pipeline = ? AND stage = ? AND number = ?';
  const row = statement(db, sql).get(pipeline, stage, number);
  return row === undefined ? null : (JSON.parse(String(row['run'])) as Run);
}

function saveStage(
  db: DatabaseSync,
  pipeline: number,
  name: string,
  before: StageState | undefined,
  after: StageState,
): void {
  if (before === after) return;
  const goesOn = before?.kind === 'begun' && after.kind === 'begun' && before.items === after.items;
  if (!goesOn) saveAnew(db, pipeline, name, after);
  const known = new Set<Run>(before?.kind === 'begun' ? before.runs : []);
  const runs = after.kind === 'begun' ? after.runs.filter((run) => !(goesOn && known.has(run))) : [];
  const sql = 'INSERT OR REPLACE INTO runs (pipeline, stage, number, run) VALUES (?, ?, ?, ?)';
  for (const run of runs) statement(db, sql).run(pipeline, name, run.index, JSON.stringify(run));
}

/** A stage that has not been begun before, or is no longer: it has those runs that are written behind this. */
function saveAnew(db: DatabaseSync, pipeline: number, name: string, stage: StageState): void {
  const { items = null, runs: _runs, ...bare } = { items: null, runs: [], ...stage };
  const sql = 'INSERT OR REPLACE INTO stages (pipeline, name, state, items) VALUES (?, ?, ?, ?)';
  statement(db, sql).run(pipeline, name, JSON.stringify(bare satisfies BareStage), JSON.stringify(items));
  statement(db, 'DELETE FROM runs WHERE pipeline = ? AND stage = ?').run(pipeline, name);
}
