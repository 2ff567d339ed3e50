/** `POST /v1/tasks/:id/retry`: a new task from the recorded one; 202 once it is stored (I1). */
import { VmTaskError } from '@vm-task/shared/errors';
import { acceptAgain } from '../accept-task.ts';
import { acceptedSchema, appendLimitMs, keyHeaderSchema, refusalSchemas } from './accepted.ts';
import { findTask, taskParamsSchema } from './find-task.ts';
import type { App, HttpDeps } from './server.ts';

export function retryTaskRoute(app: App, deps: HttpDeps): void {
  app.post(
    '/v1/tasks/:id/retry',
    {
      schema: {
        summary: 'Run a task once more, as a new task that names the old one as its cause',
        params: taskParamsSchema,
        headers: keyHeaderSchema,
        response: { 202: acceptedSchema, ...refusalSchemas },
      },
    },
    async (request, reply) => {
      const { id } = await findTask(deps.projection, request.params.id);
      const earlier = await deps.findCreated(id);
      if (earlier === null) throw new VmTaskError('task-not-found', `task ${id} is no longer kept`);
      const key = request.headers['idempotency-key'] ?? null;
      const accepted = await acceptAgain(deps, earlier, key, AbortSignal.timeout(appendLimitMs));
      deps.projection.expect(accepted.seq);
      deps.log.info({ task: accepted.id, seq: accepted.seq, retries: id }, 'task accepted');
      return reply.code(202).header('location', `/v1/tasks/${accepted.id}`).send({ id: accepted.id });
    },
  );
}
