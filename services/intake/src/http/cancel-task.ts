/** `DELETE /v1/tasks/:id`: asks for a task's end; 202 once that is stored, 409 with the outcome when it came too late. */
import { taskRoutes } from '@vm-task/api/tasks';
import { VmTaskError } from '@vm-task/shared/errors';
import { cancelTask } from '../cancel-task.ts';
import { principalOf } from '../people/asker.ts';
import { appendLimitMs } from './append-limit.ts';
import { findOwnTask } from './find-task.ts';
import { askerOf } from './guard.ts';
import { ProblemError } from './problem.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function cancelTaskRoute(app: App, deps: HttpDeps): void {
  const { bus, projection } = deps;
  serve(app, taskRoutes.cancel, async (request) => {
    const asker = askerOf(request);
    const { id, pool } = await findOwnTask(deps, request.params.id, asker);
    const reasons = { by: `http ${request.id}`, reason: 'cancelled by request', principal: principalOf(asker) };
    const cancelled = await cancelTask(bus, { pool, task: id }, reasons, AbortSignal.timeout(appendLimitMs));
    switch (cancelled.kind) {
      case 'cancelling':
        projection.expect(cancelled.seq);
        return { id };
      case 'over': {
        const { outcome } = cancelled;
        const error = new VmTaskError('task-already-over', `task ${id} has ended already: ${outcome}`);
        throw new ProblemError(error, { outcome });
      }
      case 'unknown':
        throw new VmTaskError('task-not-found', `task ${id} is no longer kept`);
    }
  });
}
