/** `POST /v1/tasks`: a task file in, 202 out once the task is stored (I1). */
import { taskFileSchema } from '@vm-task/shared/task-file';
import { z } from 'zod';
import { acceptTask } from '../accept-task.ts';
import { problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';

/** The broker's absence is waited out for so long; then the submitter hears that nothing is known. */
export const appendLimitMs = 20_000;

export const keyHeaderSchema = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().describe('the same key within a day is the same task'),
});

export function submitTaskRoute(app: App, deps: HttpDeps): void {
  app.post(
    '/v1/tasks',
    {
      schema: {
        summary: 'Submit a task',
        headers: keyHeaderSchema,
        body: taskFileSchema,
        consumes: ['application/json', 'application/yaml'],
        response: {
          202: z.object({ id: z.string() }),
          400: problemSchema,
          409: problemSchema,
          413: problemSchema,
          503: problemSchema,
        },
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
