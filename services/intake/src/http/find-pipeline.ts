/** The pipeline that a path names by its id, or by an unambiguous beginning of it. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { PipelineId } from '@vm-task/shared/ids';
import type { Projection } from '../projection/projection.ts';
import { resolvePipelineId } from '../projection/resolve-id.ts';
import { ambiguous, parsePrefix } from './find-task.ts';

/** @throws `invalid-id`, `pipeline-not-found`, `ambiguous-id`, `projection-behind`. */
export async function findPipelineId(projection: Projection, given: string): Promise<PipelineId> {
  const id = parsePrefix('pipeline', given);
  await projection.upToDate();
  const [first, ...more] = resolvePipelineId(projection.db, id);
  if (first === undefined) {
    const hint = './vm-task pipeline list shows those that are kept';
    throw new VmTaskError('pipeline-not-found', `there is no pipeline ${id}; ${hint}`);
  }
  if (more.length > 0) throw ambiguous(id, [first, ...more]);
  return first;
}
