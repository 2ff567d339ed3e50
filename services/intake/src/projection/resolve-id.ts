/** Which task, or pipeline, the beginning of an id means. */
import type { DatabaseSync } from 'node:sqlite';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { statement } from './statement.ts';

export type Resolved =
  | { readonly kind: 'task'; readonly id: TaskId; readonly pool: string }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  | { readonly kind: 'none' };

/** Enough to choose from, and to see that a longer beginning is needed. */
const maxCandidates = 10;

/** `prefix` has digits, a to f and dashes only, all of which sort before `g`. Of one team, or (null) of all. */
export function resolveId(db: DatabaseSync, prefix: string, team: string | null = null): Resolved {
  const rows = beginningSo(db, 'SELECT id, pool FROM tasks', prefix, team) as unknown as { id: TaskId; pool: string }[];
  const [first, second] = rows;
  if (first === undefined) return { kind: 'none' };
  if (second === undefined) return { kind: 'task', ...first };
  return { kind: 'ambiguous', candidates: rows.map(({ id }) => id) };
}

/** The pipelines that begin so, a few of them. */
export function resolvePipelineId(db: DatabaseSync, prefix: string, team: string | null = null): PipelineId[] {
  return beginningSo(db, 'SELECT id FROM pipelines', prefix, team).map(({ id }) => id as PipelineId);
}

/** A plus keeps the index of teams from being used: the beginning of an id says more. */
function beginningSo(db: DatabaseSync, select: string, prefix: string, team: string | null) {
  const ofTeam = team === null ? '' : 'AND +team = ?';
  const sql = `${select} WHERE id >= ? AND id < ? ${ofTeam} ORDER BY id LIMIT ${maxCandidates}`;
  return statement(db, sql).all(prefix, `${prefix}g`, ...(team === null ? [] : [team]));
}
