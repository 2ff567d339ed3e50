/** `POST /v1/tasks/:id/complete`, `/approve` and `/reject`: somebody's answer to a task that waits for one. */
import { taskRoutes } from '@vm-task/api/tasks';
import { VmTaskError } from '@vm-task/shared/errors';
import { type Answer, answerTask } from '../answer-task.ts';
import { appendLimitMs } from './append-limit.ts';
import { findTaskToChange } from './find-task.ts';
import { parseBody } from './parse-body.ts';
import { ProblemError } from './problem.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function answerTaskRoutes(app: App, deps: HttpDeps): void {
  serve(app, taskRoutes.complete, ({ params, body }) =>
    answer(deps, params.id, { kind: 'complete', ...parseBody(body, taskRoutes.complete.body) }),
  );
  serve(app, taskRoutes.approve, ({ params, body }) =>
    answer(deps, params.id, { kind: 'approve', ...parseBody(body, taskRoutes.approve.body) }),
  );
  serve(app, taskRoutes.reject, ({ params, body }) =>
    answer(deps, params.id, { kind: 'reject', ...parseBody(body, taskRoutes.reject.body) }),
  );
}

async function answer(deps: HttpDeps, prefix: string, given: Answer): Promise<{ id: string }> {
  const { id } = await findTaskToChange(deps, prefix);
  const answered = await answerTask(deps, id, given, AbortSignal.timeout(appendLimitMs));
  if (answered.kind === 'over') {
    const { outcome } = answered;
    const error = new VmTaskError('task-already-over', `task ${id} has ended already: ${outcome}`);
    throw new ProblemError(error, { outcome });
  }
  deps.projection.expect(answered.seq);
  return { id };
}
