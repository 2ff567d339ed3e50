/** `POST /v1/tasks/:id/complete`, `/approve` and `/reject`: somebody's answer to a task that waits for one. */
import { VmTaskError } from '@vm-task/shared/errors';
import { jsonSchema } from '@vm-task/shared/json';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { z } from 'zod';
import { type Answer, answerTask } from '../answer-task.ts';
import { acceptedSchema, appendLimitMs } from './accepted.ts';
import { findTask, taskParamsSchema } from './find-task.ts';
import { ProblemError, problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';

const completeSchema = z.strictObject({ result: jsonSchema.describe('what the stage leaves to those that need it') });
const decisionSchema = z.strictObject({
  by: z.string().min(1).max(200).describe('who decides'),
  comment: z.string().max(4_000).default(''),
});

export function answerTaskRoutes(app: App, deps: HttpDeps): void {
  answerRoute(app, deps, 'complete', completeSchema, ({ result }) => ({ kind: 'complete', result }));
  answerRoute(app, deps, 'approve', decisionSchema, (decision) => ({ kind: 'approve', ...decision }));
  answerRoute(app, deps, 'reject', decisionSchema, (decision) => ({ kind: 'reject', ...decision }));
}

function answerRoute<T>(
  app: App,
  deps: HttpDeps,
  verb: Answer['kind'],
  body: z.ZodType<T>,
  answerOf: (body: T) => Answer,
): void {
  const schema = {
    summary: `Answer a task that waits for it: ${verb}`,
    params: taskParamsSchema,
    body,
    response: { 200: acceptedSchema, 400: problemSchema, 404: problemSchema, 409: problemSchema },
  };
  app.post(`/v1/tasks/:id/${verb}`, { schema }, async (request) => {
    const parsed = body.safeParse(request.body);
    if (!parsed.success) throw new VmTaskError('invalid-request', explainIssues(parsed.error, body));
    const { id } = await findTask(deps.projection, request.params.id);
    const answered = await answerTask(deps, id, answerOf(parsed.data), AbortSignal.timeout(appendLimitMs));
    if (answered.kind === 'over') {
      const { outcome } = answered;
      const error = new VmTaskError('task-already-over', `task ${id} has ended already: ${outcome}`);
      throw new ProblemError(error, { outcome });
    }
    deps.projection.expect(answered.seq);
    return { id };
  });
}
