/** `/v1/pipelines`: submit, list, show (also live), cancel, resume. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { PipelineId } from '@vm-task/shared/ids';
import { pipelineSubmissionSchema } from '@vm-task/shared/pipelines/file';
import { z } from 'zod';
import { pipelineStatuses, pipelineSummarySchema, pipelineViewSchema } from '../pipeline-view.ts';
import { type AcceptedPipeline, acceptPipeline, acceptResumption } from '../pipelines/accept-pipeline.ts';
import { cancelPipeline } from '../pipelines/cancel-pipeline.ts';
import { withProgress } from '../progress-of.ts';
import { listPipelines } from '../projection/list-pipelines.ts';
import type { Projection } from '../projection/projection.ts';
import { showPipeline } from '../projection/show-pipeline.ts';
import { acceptedSchema, appendLimitMs, keyHeaderSchema, refusalSchemas } from './accepted.ts';
import { findPipelineId, pipelineParamsSchema } from './find-pipeline.ts';
import { livePipeline } from './live-pipeline.ts';
import { ProblemError, problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';
import { sendMessages, wantsEventStream } from './sse.ts';

const params = pipelineParamsSchema;

const querySchema = z.strictObject({
  status: z.enum(pipelineStatuses).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  after: z.coerce.number().int().min(1).optional().describe('the "next" of the page before'),
});
const pageSchema = z.object({
  pipelines: z.array(pipelineSummarySchema),
  next: z.int().nullable().describe('the `after` of the next page; null on the last one'),
});

export function pipelineRoutes(app: App, deps: HttpDeps): void {
  submitRoute(app, deps);
  listRoute(app, deps);
  showRoute(app, deps);
  cancelRoute(app, deps);
  resumeRoute(app, deps);
}

function submitRoute(app: App, deps: HttpDeps): void {
  const schema = {
    summary: 'Submit a pipeline',
    headers: keyHeaderSchema,
    body: pipelineSubmissionSchema,
    consumes: ['application/json', 'application/yaml'],
    response: { 202: acceptedSchema, ...refusalSchemas },
  };
  app.post('/v1/pipelines', { schema }, async (request, reply) => {
    const key = request.headers['idempotency-key'] ?? null;
    const submission = { body: request.body, key, requestId: request.id };
    const pipeline = await acceptPipeline(deps, submission, AbortSignal.timeout(appendLimitMs));
    return reply.code(202).header('location', `/v1/pipelines/${pipeline.id}`).send(tell(deps, pipeline));
  });
}

function listRoute(app: App, { projection }: HttpDeps): void {
  const schema = { summary: 'List pipelines', querystring: querySchema, response: { 200: pageSchema } };
  app.get('/v1/pipelines', { schema }, async ({ query: { status, limit, after } }) => {
    await projection.upToDate();
    return listPipelines(projection.db, status, limit, after ?? null);
  });
}

function showRoute(app: App, { bus, projection, stop }: HttpDeps): void {
  const schema = {
    summary: 'Show a pipeline; with Accept: text/event-stream again after each change, as `pipeline`, then `end`',
    params,
    response: { 200: pipelineViewSchema, 404: problemSchema, 409: problemSchema },
  };
  app.get('/v1/pipelines/:id', { schema }, async (request, reply) => {
    const id = await findPipelineId(projection, request.params.id);
    if (!wantsEventStream(request.raw.headers.accept)) {
      return withProgress(bus.connection, requireView(projection, id));
    }
    return sendMessages(reply, stop, (signal) => livePipeline(bus.connection, projection, id, signal));
  });
}

function cancelRoute(app: App, deps: HttpDeps): void {
  const schema = {
    summary: 'Cancel a pipeline and its tasks',
    params,
    response: { 202: acceptedSchema, ...refusalSchemas },
  };
  app.delete('/v1/pipelines/:id', { schema }, async (request, reply) => {
    const id = await findPipelineId(deps.projection, request.params.id);
    const reasons = { by: `http ${request.id}`, reason: 'cancelled by request' };
    const cancelled = await cancelPipeline(deps, id, reasons, AbortSignal.timeout(appendLimitMs));
    if (cancelled.kind === 'unknown') throw noLongerKept(id);
    if (cancelled.kind === 'over') {
      const { outcome } = cancelled;
      const error = new VmTaskError('pipeline-already-over', `pipeline ${id} has ended already: ${outcome}`);
      throw new ProblemError(error, { outcome });
    }
    return reply.code(202).send(tell(deps, { id, seq: cancelled.seq }));
  });
}

function resumeRoute(app: App, deps: HttpDeps): void {
  const schema = {
    summary: 'Go on with a pipeline that ended without success: a new one, which knows what succeeded in the old one',
    params,
    headers: keyHeaderSchema,
    response: { 202: acceptedSchema, ...refusalSchemas },
  };
  app.post('/v1/pipelines/:id/resume', { schema }, async (request, reply) => {
    const from = await findPipelineId(deps.projection, request.params.id);
    const key = request.headers['idempotency-key'] ?? null;
    const pipeline = await acceptResumption(deps, from, key, AbortSignal.timeout(appendLimitMs));
    return reply.code(202).header('location', `/v1/pipelines/${pipeline.id}`).send(tell(deps, pipeline));
  });
}

/** From now on whoever asks is shown it. */
function tell({ projection, log }: HttpDeps, { id, seq }: AcceptedPipeline): { id: string } {
  projection.expect(seq);
  log.info({ pipeline: id, seq }, 'asked for by HTTP');
  return { id };
}

function requireView(projection: Projection, id: PipelineId) {
  const view = showPipeline(projection.db, id);
  if (view === null) throw noLongerKept(id);
  return view;
}

function noLongerKept(id: PipelineId): VmTaskError {
  return new VmTaskError('pipeline-not-found', `pipeline ${id} is no longer kept`);
}
