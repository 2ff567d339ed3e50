/** The task that a path names by its id, or by an unambiguous beginning of it. */
import { VmTaskError } from '@vm-task/shared/errors';
import { isTaskId, type TaskId } from '@vm-task/shared/ids';
import { isAtLeast } from '@vm-task/shared/token-roles';
import type { FastifyReply } from 'fastify';
import { type Asker, requireOwn, sees } from '../people/asker.ts';
import type { Projection } from '../projection/projection.ts';
import { resolveId } from '../projection/resolve-id.ts';
import { askerOf } from './guard.ts';
import { ProblemError } from './problem.ts';
import { readProjection, stillBehind } from './read-projection.ts';
import type { HttpDeps } from './server.ts';

const prefixPattern = /^[0-9a-f-]{8,36}$/;

export interface FoundTask {
  readonly id: TaskId;
  readonly pool: string;
}

/** For whoever reads it. @throws `invalid-id`, `task-not-found`, `ambiguous-id`, `projection-behind`. */
export async function findTask(projection: Projection, given: string, reply: FastifyReply): Promise<FoundTask> {
  const id = parsePrefix('task', given);
  await readProjection(projection, reply);
  return resolve(projection, id, askerOf(reply.request));
}

/** For whoever changes it: by the whole of its id it is known as soon as the stream has it. @throws as `findTask`. */
export async function findTaskToChange(
  { projection, findCreated }: Pick<HttpDeps, 'projection' | 'findCreated'>,
  given: string,
  asker: Asker,
): Promise<FoundTask> {
  const id = parsePrefix('task', given);
  await projection.upToDate();
  if (!(projection.isCatchingUp && isTaskId(id))) return resolve(projection, id, asker);
  const created = await findCreated(id);
  if (created === null || !sees(asker, created.data)) throw new VmTaskError('task-not-found', `there is no task ${id}`);
  return { id, pool: created.data.pool };
}

/** The same, for what a submitter may do with its own alone. @throws as `findTask`, `forbidden`. */
export async function findOwnTask(
  deps: Pick<HttpDeps, 'projection' | 'findCreated'>,
  given: string,
  asker: Asker,
): Promise<FoundTask> {
  const found = await findTaskToChange(deps, given, asker);
  if (isAtLeast(asker.role, 'operator')) return found;
  const created = await deps.findCreated(found.id);
  requireOwn(asker, created?.data.principal, `task ${found.id}`);
  return found;
}

/** While it catches up, a beginning that means one task may mean two in a moment. */
function resolve(projection: Projection, id: string, { team }: Asker): FoundTask {
  if (projection.isCatchingUp && !isTaskId(id)) throw stillBehind(projection, `only the whole id names a task now`);
  const resolved = resolveId(projection.db, id, team);
  switch (resolved.kind) {
    case 'task':
      return resolved;
    case 'none':
      if (projection.isCatchingUp) throw stillBehind(projection, `task ${id} is not shown yet`);
      throw new VmTaskError('task-not-found', `there is no task ${id}; ./vm-task list shows those that are kept`);
    case 'ambiguous':
      throw ambiguous(id, resolved.candidates);
  }
}

/** In lower case, as ids are written here; upper case is the same id (RFC 9562, section 4). @throws `invalid-id`. */
export function parsePrefix(what: string, given: string): string {
  const id = given.toLowerCase();
  if (prefixPattern.test(id)) return id;
  const shown = JSON.stringify(given.slice(0, 80));
  throw new VmTaskError('invalid-id', `${shown} is no ${what} id, nor 8 or more characters of the beginning of one`);
}

export function ambiguous(id: string, candidates: readonly string[]): ProblemError {
  const message = `${id} is the beginning of ${candidates.join(', ')}; write more of it`;
  return new ProblemError(new VmTaskError('ambiguous-id', message), { candidates });
}
