/** The task that a path names by its id, or by an unambiguous beginning of it. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { TaskId } from '@vm-task/shared/ids';
import type { Projection } from '../projection/projection.ts';
import { resolveId } from '../projection/resolve-id.ts';
import { ProblemError } from './problem.ts';

const prefixPattern = /^[0-9a-f-]{8,36}$/;

/** @throws `invalid-id`, `task-not-found`, `ambiguous-id`, `projection-behind`. */
export async function findTask(projection: Projection, id: string): Promise<{ id: TaskId; pool: string }> {
  requirePrefix('task', id);
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

/** @throws `invalid-id`. */
export function requirePrefix(what: string, id: string): void {
  if (prefixPattern.test(id)) return;
  const shown = JSON.stringify(id.slice(0, 80));
  throw new VmTaskError('invalid-id', `${shown} is no ${what} id, nor 8 or more characters of the beginning of one`);
}

export function ambiguous(id: string, candidates: readonly string[]): ProblemError {
  const message = `${id} is the beginning of ${candidates.join(', ')}; write more of it`;
  return new ProblemError(new VmTaskError('ambiguous-id', message), { candidates });
}
