/** `POST /v1/tasks`: a task file in, 202 out once the task is stored (I1). */
import { taskFileSchema } from '@vm-task/shared/task-file';
import { acceptTask } from '../accept-task.ts';
import { acceptedSchema, appendLimitMs, keyHeaderSchema, refusalSchemas } from './accepted.ts';
import type { App, HttpDeps } from './server.ts';

export function submitTaskRoute(app: App, deps: HttpDeps): void {
  app.post(
    '/v1/tasks',
    {
      schema: {
        summary: 'Submit a task',
        headers: keyHeaderSchema,
        body: taskFileSchema,
        consumes: ['application/json', 'application/yaml'],
        response: { 202: acceptedSchema, ...refusalSchemas },
      },
    },
    async (request, reply) => {
      const signal = AbortSignal.timeout(appendLimitMs);
      const key = request.headers['idempotency-key'] ?? null;
      const accepted = await acceptTask(deps, { body: request.body, key, requestId: request.id }, signal);
      deps.projection.expect(accepted.seq);
      deps.log.info({ task: accepted.id, seq: accepted.seq }, 'task accepted');
      return reply.code(202).header('location', `/v1/tasks/${accepted.id}`).send({ id: accepted.id });
    },
  );
}
