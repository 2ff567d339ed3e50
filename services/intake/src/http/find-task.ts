/** The task that a path names by its id, or by an unambiguous beginning of it. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { TaskId } from '@vm-task/shared/ids';
import type { Projection } from '../projection/projection.ts';
import { resolveId } from '../projection/resolve-id.ts';
import { ProblemError } from './problem.ts';

const prefixPattern = /^[0-9a-f-]{8,36}$/;

/** @throws `invalid-id`, `task-not-found`, `ambiguous-id`, `projection-behind`. */
export async function findTask(projection: Projection, given: string): Promise<{ id: TaskId; pool: string }> {
  const id = parsePrefix('task', given);
  await projection.upToDate();
  const resolved = resolveId(projection.db, id);
  switch (resolved.kind) {
    case 'task':
      return resolved;
    case 'none':
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
