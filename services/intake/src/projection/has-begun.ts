/** Whether a pipeline has got beyond its beginning. */
import type { DatabaseSync } from 'node:sqlite';
import type { PipelineId } from '@vm-task/shared/ids';
import { statement } from './statement.ts';

/** False for one that only waits to begin; true for one that is no longer here. */
export function hasBegun(db: DatabaseSync, pipeline: PipelineId): boolean {
  return statement(db, 'SELECT 1 FROM pipelines WHERE id = ? AND seq = created_seq').get(pipeline) === undefined;
}
