/** Pipelines, the newest first, in pages. */
import type { DatabaseSync } from 'node:sqlite';
import type { PipelineStatus, PipelineSummary } from '@vm-task/api/pipelines';
import { type PipelineRow, pipelineColumns, pipelineSummaryOf, stateOf } from './pipeline-row.ts';
import { statement } from './statement.ts';

export interface PipelinePage {
  readonly pipelines: PipelineSummary[];
  /** The `before` of the next question; null on the last page. */
  readonly next: number | null;
}

/** At most `limit` pipelines that were created before the sequence `before`; of one team, or (null) of all. */
export function listPipelines(
  db: DatabaseSync,
  status: PipelineStatus | undefined,
  limit: number,
  before: number | null,
  team: string | null = null,
): PipelinePage {
  const by = status !== undefined ? 'INDEXED BY pipelines_by_status' : 'NOT INDEXED';
  const from = team !== null ? 'INDEXED BY pipelines_by_team' : by;
  const ofTeam = team === null ? '' : ' AND team = ?';
  const sql = `SELECT ${pipelineColumns} FROM pipelines ${from}
    WHERE created_seq < ?${status === undefined ? '' : ` AND ${team === null ? '' : '+'}status = ?`}${ofTeam} ORDER BY created_seq DESC LIMIT ?`;
  // One more than wanted tells whether there is a next page.
  const rows = statement(db, sql).all(
    before ?? Number.MAX_SAFE_INTEGER,
    ...(status === undefined ? [] : [status]),
    ...(team === null ? [] : [team]),
    limit + 1,
  ) as unknown as PipelineRow[];
  const page = rows.slice(0, limit);
  const next = rows.length > limit ? (page.at(-1)?.created_seq ?? null) : null;
  return { pipelines: page.map((row) => pipelineSummaryOf(row, stateOf(db, row))), next };
}
