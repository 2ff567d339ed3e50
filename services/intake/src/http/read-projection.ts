/** Reading what the projection shows: current, or with the number of events that it lacks while it catches up. */
import { behindHeader } from '@vm-task/api/behind';
import { VmTaskError } from '@vm-task/shared/errors';
import type { FastifyReply } from 'fastify';
import type { Projection } from '../projection/projection.ts';
import { ProblemError } from './problem.ts';

/** @throws `projection-behind` for what should be there and is not. */
export async function readProjection(projection: Projection, reply: FastifyReply): Promise<void> {
  await projection.upToDate();
  if (projection.isCatchingUp) reply.header(behindHeader, projection.behind);
}

/** Of what may be among the events that have not been read. */
export function stillBehind({ behind }: Projection, what: string): ProblemError {
  const message = `${what}: ${behind} events from before the start are still to be read; ask again in a moment`;
  return new ProblemError(new VmTaskError('projection-behind', message), { behind });
}
