/** `/v1/pipelines`: submit, list, show (also live), cancel, resume. */
import { pipelineRoutes as routes } from '@vm-task/api/pipelines';
import { VmTaskError } from '@vm-task/shared/errors';
import type { PipelineId } from '@vm-task/shared/ids';
import { ownershipBy, principalOf } from '../people/asker.ts';
import { type AcceptedPipeline, acceptPipeline, acceptResumption } from '../pipelines/accept-pipeline.ts';
import { cancelPipeline } from '../pipelines/cancel-pipeline.ts';
import { withProgress } from '../progress-of.ts';
import { hostOfTask } from '../projection/host-of-task.ts';
import { listPipelines } from '../projection/list-pipelines.ts';
import type { Projection } from '../projection/projection.ts';
import { showPipeline } from '../projection/show-pipeline.ts';
import { appendLimitMs } from './append-limit.ts';
import { findPipelineId, findPipelineToChange, noLongerKept } from './find-pipeline.ts';
import { askerOf } from './guard.ts';
import { livePipeline } from './live-pipeline.ts';
import { ProblemError } from './problem.ts';
import { readProjection } from './read-projection.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';
import { sendMessages, wantsEventStream } from './sse.ts';

export function pipelineRoutes(app: App, deps: HttpDeps): void {
  submitRoute(app, deps);
  listRoute(app, deps);
  showRoute(app, deps);
  cancelRoute(app, deps);
  resumeRoute(app, deps);
}

function submitRoute(app: App, deps: HttpDeps): void {
  serve(app, routes.submit, async (request, reply) => {
    const key = request.headers['idempotency-key'] ?? null;
    const ownership = ownershipBy(askerOf(request));
    const submission = { body: request.body, key, requestId: request.id, ownership };
    const pipeline = await acceptPipeline(deps, submission, AbortSignal.timeout(appendLimitMs));
    reply.header('location', `/v1/pipelines/${pipeline.id}`);
    return tell(deps, pipeline);
  });
}

function listRoute(app: App, { projection }: HttpDeps): void {
  serve(app, routes.list, async (request, reply) => {
    const { status, limit, after } = request.query;
    await readProjection(projection, reply);
    return listPipelines(projection.db, status, limit, after ?? null, askerOf(request).team);
  });
}

function showRoute(app: App, { bus, projection, stop }: HttpDeps): void {
  serve(app, routes.show, async (request, reply) => {
    const id = await findPipelineId(projection, request.params.id, reply);
    if (!wantsEventStream(request.raw)) {
      const hostOf = (task: string) => hostOfTask(projection.db, task);
      return withProgress(bus.connection, hostOf, requireView(projection, id));
    }
    return sendMessages(reply, stop, (signal) => livePipeline(bus.connection, projection, id, signal));
  });
}

function cancelRoute(app: App, deps: HttpDeps): void {
  serve(app, routes.cancel, async (request) => {
    const asker = askerOf(request);
    const { pipeline: id } = await findPipelineToChange(deps, request.params.id, asker);
    const reasons = { by: `http ${request.id}`, reason: 'cancelled by request', principal: principalOf(asker) };
    const cancelled = await cancelPipeline(deps, id, reasons, AbortSignal.timeout(appendLimitMs));
    if (cancelled.kind === 'unknown') throw noLongerKept(id);
    if (cancelled.kind === 'over') {
      const { outcome } = cancelled;
      const error = new VmTaskError('pipeline-already-over', `pipeline ${id} has ended already: ${outcome}`);
      throw new ProblemError(error, { outcome });
    }
    return tell(deps, { id, seq: cancelled.seq });
  });
}

function resumeRoute(app: App, deps: HttpDeps): void {
  serve(app, routes.resume, async (request, reply) => {
    const asker = askerOf(request);
    const from = await findPipelineToChange(deps, request.params.id, asker);
    const keyed = { key: request.headers['idempotency-key'] ?? null, principal: principalOf(asker) };
    const pipeline = await acceptResumption(deps, from, keyed, AbortSignal.timeout(appendLimitMs));
    reply.header('location', `/v1/pipelines/${pipeline.id}`);
    return tell(deps, pipeline);
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
