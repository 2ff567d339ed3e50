/** The task that a path names by its id, or by an unambiguous beginning of it. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { TaskId } from '@vm-task/shared/ids';
import { z } from 'zod';
import type { Projection } from '../projection/projection.ts';
import { resolveId } from '../projection/resolve-id.ts';
import { ProblemError } from './problem.ts';

export const taskParamsSchema = z.object({
  id: z.string().describe('a task id, or its beginning from 8 characters on where only one task begins so'),
});

const prefixPattern = /^[0-9a-f-]{8,36}$/;

/** Thrown: `invalid-id`, `task-not-found`, `ambiguous-id`, `projection-behind`. */
export async function findTask(projection: Projection, id: string): Promise<{ id: TaskId; pool: string }> {
  if (!prefixPattern.test(id)) {
    const shown = JSON.stringify(id.slice(0, 80));
    throw new VmTaskError('invalid-id', `${shown} is no task id, nor 8 or more characters of the beginning of one`);
  }
  await projection.upToDate();
  const resolved = resolveId(projection.db, id);
  switch (resolved.kind) {
    case 'task':
      return resolved;
    case 'none':
      throw new VmTaskError('task-not-found', `there is no task ${id}; ./vm-task list shows those that are kept`);
    case 'ambiguous':
      throw new ProblemError(
        new VmTaskError(
          'ambiguous-id',
          `${id} is the beginning of ${resolved.candidates.join(', ')}; write more of it`,
        ),
        { candidates: resolved.candidates },
      );
  }
}
