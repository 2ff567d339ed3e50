/** `POST /v1/tasks/:id/retry`: a new task from the recorded one; 202 once it is stored (I1). */
import { taskRoutes } from '@vm-task/api/tasks';
import { VmTaskError } from '@vm-task/shared/errors';
import { acceptAgain } from '../accept-task.ts';
import { principalOf } from '../people/asker.ts';
import { appendLimitMs } from './append-limit.ts';
import { findOwnTask } from './find-task.ts';
import { askerOf } from './guard.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function retryTaskRoute(app: App, deps: HttpDeps): void {
  serve(app, taskRoutes.retry, async (request, reply) => {
    const asker = askerOf(request);
    const retries = (await findOwnTask(deps, request.params.id, asker)).id;
    const earlier = await deps.findCreated(retries);
    if (earlier === null) throw new VmTaskError('task-not-found', `task ${retries} is no longer kept`);
    const keyed = { key: request.headers['idempotency-key'] ?? null, principal: principalOf(asker) };
    const { id, seq } = await acceptAgain(deps, earlier, keyed, AbortSignal.timeout(appendLimitMs));
    deps.projection.expect(seq);
    deps.log.info({ task: id, seq, retries }, 'task accepted');
    reply.header('location', `/v1/tasks/${id}`);
    return { id };
  });
}
