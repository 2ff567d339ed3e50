/** The pipeline that a path names by its id, or by an unambiguous beginning of it. */
import { VmTaskError } from '@vm-task/shared/errors';
import { isPipelineId, type PipelineId } from '@vm-task/shared/ids';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import type { FastifyReply } from 'fastify';
import { type Asker, requireOwn, sees } from '../people/asker.ts';
import type { Projection } from '../projection/projection.ts';
import { resolvePipelineId } from '../projection/resolve-id.ts';
import { ambiguous, parsePrefix } from './find-task.ts';
import { askerOf } from './guard.ts';
import { readProjection, stillBehind } from './read-projection.ts';
import type { HttpDeps } from './server.ts';

/** For whoever reads it. @throws `invalid-id`, `pipeline-not-found`, `ambiguous-id`, `projection-behind`. */
export async function findPipelineId(projection: Projection, given: string, reply: FastifyReply): Promise<PipelineId> {
  const id = parsePrefix('pipeline', given);
  await readProjection(projection, reply);
  return resolve(projection, id, askerOf(reply.request));
}

/** For whoever changes it: as the stream has it, by the whole of its id. @throws as `findPipelineId`. */
export async function findPipelineToChange(
  { projection, readPipeline }: Pick<HttpDeps, 'projection' | 'readPipeline'>,
  given: string,
  asker: Asker,
): Promise<PipelineState> {
  const prefix = parsePrefix('pipeline', given);
  await projection.upToDate();
  const id = projection.isCatchingUp && isPipelineId(prefix) ? prefix : resolve(projection, prefix, asker);
  const state = await readPipeline(id);
  if (state === null || !sees(asker, state)) throw noLongerKept(id);
  requireOwn(asker, state.principal, `pipeline ${id}`);
  return state;
}

export function noLongerKept(id: PipelineId): VmTaskError {
  return new VmTaskError('pipeline-not-found', `pipeline ${id} is no longer kept`);
}

function resolve(projection: Projection, id: string, { team }: Asker): PipelineId {
  if (projection.isCatchingUp && !isPipelineId(id)) {
    throw stillBehind(projection, 'only the whole id names a pipeline now');
  }
  const [first, ...more] = resolvePipelineId(projection.db, id, team);
  if (first === undefined) {
    if (projection.isCatchingUp) throw stillBehind(projection, `pipeline ${id} is not shown yet`);
    const hint = './vm-task pipeline list shows those that are kept';
    throw new VmTaskError('pipeline-not-found', `there is no pipeline ${id}; ${hint}`);
  }
  if (more.length > 0) throw ambiguous(id, [first, ...more]);
  return first;
}
