/** `POST /v1/tasks/:id/complete`, `/approve` and `/reject`: somebody's answer to a task that waits for one. */
import { taskRoutes } from '@vm-task/api/tasks';
import { VmTaskError } from '@vm-task/shared/errors';
import type { FastifyRequest } from 'fastify';
import { type Answer, answerTask } from '../answer-task.ts';
import { principalOf } from '../people/asker.ts';
import { appendLimitMs } from './append-limit.ts';
import { findTaskToChange } from './find-task.ts';
import { askerOf } from './guard.ts';
import { parseBody } from './parse-body.ts';
import { ProblemError } from './problem.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function answerTaskRoutes(app: App, deps: HttpDeps): void {
  serve(app, taskRoutes.complete, (request) =>
    answer(deps, request, { kind: 'complete', ...parseBody(request.body, taskRoutes.complete.body) }),
  );
  serve(app, taskRoutes.approve, (request) =>
    answer(deps, request, { kind: 'approve', ...parseBody(request.body, taskRoutes.approve.body) }),
  );
  serve(app, taskRoutes.reject, (request) =>
    answer(deps, request, { kind: 'reject', ...parseBody(request.body, taskRoutes.reject.body) }),
  );
}

type Request = FastifyRequest<{ Params: { id: string } }>;

async function answer(deps: HttpDeps, request: Request, given: Answer): Promise<{ id: string }> {
  const asker = askerOf(request as FastifyRequest);
  const { id } = await findTaskToChange(deps, request.params.id, asker);
  const answered = await answerTask(
    deps,
    id,
    { ...given, principal: principalOf(asker) },
    AbortSignal.timeout(appendLimitMs),
  );
  if (answered.kind === 'over') {
    const { outcome } = answered;
    const error = new VmTaskError('task-already-over', `task ${id} has ended already: ${outcome}`);
    throw new ProblemError(error, { outcome });
  }
  deps.projection.expect(answered.seq);
  return { id };
}
