/** `POST /v1/tasks`: a task file in, 202 out once the task is stored (I1). */
import { taskRoutes } from '@vm-task/api/tasks';
import { acceptTask } from '../accept-task.ts';
import { ownershipBy } from '../people/asker.ts';
import { appendLimitMs } from './append-limit.ts';
import { askerOf } from './guard.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function submitTaskRoute(app: App, deps: HttpDeps): void {
  serve(app, taskRoutes.submit, async (request, reply) => {
    const signal = AbortSignal.timeout(appendLimitMs);
    const key = request.headers['idempotency-key'] ?? null;
    const ownership = ownershipBy(askerOf(request));
    const submission = { body: request.body, key, requestId: request.id, ownership };
    const { id, seq } = await acceptTask(deps, submission, signal);
    deps.projection.expect(seq);
    deps.log.info({ task: id, seq }, 'task accepted');
    reply.header('location', `/v1/tasks/${id}`);
    return { id };
  });
}
