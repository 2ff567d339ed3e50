/** The pipeline that a path names by its id, or by an unambiguous beginning of it. */
import { VmTaskError } from '@vm-task/shared/errors';
import { isPipelineId, type PipelineId } from '@vm-task/shared/ids';
import type { FastifyReply } from 'fastify';
import type { Projection } from '../projection/projection.ts';
import { resolvePipelineId } from '../projection/resolve-id.ts';
import { ambiguous, parsePrefix } from './find-task.ts';
import { readProjection, stillBehind } from './read-projection.ts';

/** For whoever reads it. @throws `invalid-id`, `pipeline-not-found`, `ambiguous-id`, `projection-behind`. */
export async function findPipelineId(projection: Projection, given: string, reply: FastifyReply): Promise<PipelineId> {
  const id = parsePrefix('pipeline', given);
  await readProjection(projection, reply);
  return resolve(projection, id);
}

/** For whoever changes it, and looks in the stream by the whole of its id. @throws as `findPipelineId`. */
export async function findPipelineToChange(projection: Projection, given: string): Promise<PipelineId> {
  const id = parsePrefix('pipeline', given);
  await projection.upToDate();
  return projection.isCatchingUp && isPipelineId(id) ? id : resolve(projection, id);
}

function resolve(projection: Projection, id: string): PipelineId {
  if (projection.isCatchingUp && !isPipelineId(id)) {
    throw stillBehind(projection, 'only the whole id names a pipeline now');
  }
  const [first, ...more] = resolvePipelineId(projection.db, id);
  if (first === undefined) {
    if (projection.isCatchingUp) throw stillBehind(projection, `pipeline ${id} is not shown yet`);
    const hint = './vm-task pipeline list shows those that are kept';
    throw new VmTaskError('pipeline-not-found', `there is no pipeline ${id}; ${hint}`);
  }
  if (more.length > 0) throw ambiguous(id, [first, ...more]);
  return first;
}
