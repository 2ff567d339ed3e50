/** `DELETE /v1/tasks/:id`: asks for a task's end; 202 once that is stored, 409 with the outcome when it came too late. */
import { VmTaskError } from '@vm-task/shared/errors';
import { cancelTask } from '../cancel-task.ts';
import { acceptedSchema, appendLimitMs } from './accepted.ts';
import { findTask, taskParamsSchema } from './find-task.ts';
import { ProblemError, problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';

export function cancelTaskRoute(app: App, { bus, projection }: HttpDeps): void {
  app.delete(
    '/v1/tasks/:id',
    {
      schema: {
        summary: 'Cancel a task',
        params: taskParamsSchema,
        response: { 202: acceptedSchema, 404: problemSchema, 409: problemSchema },
      },
    },
    async (request, reply) => {
      const spine = await findTask(projection, request.params.id);
      const reasons = { by: `http ${request.id}`, reason: 'cancelled by request' };
      const key = { pool: spine.pool, task: spine.id };
      const cancelled = await cancelTask(bus, key, reasons, AbortSignal.timeout(appendLimitMs));
      switch (cancelled.kind) {
        case 'cancelling':
          projection.expect(cancelled.seq);
          return reply.code(202).send({ id: spine.id });
        case 'over':
          throw new ProblemError(
            new VmTaskError('task-already-over', `task ${spine.id} has ended already: ${cancelled.outcome}`),
            { outcome: cancelled.outcome },
          );
        case 'unknown':
          throw new VmTaskError('task-not-found', `task ${spine.id} is no longer kept`);
      }
    },
  );
}
