/** `/v1/templates`: tasks and pipelines by name; installed, shown, run. */
import { templateRoutes as routes, type TemplateSummary } from '@vm-task/api/templates';
import { findTemplate, listTemplates, type StoredTemplate, storeTemplate } from '@vm-task/bus/templates';
import { parseTemplate, renderTemplate } from '@vm-task/pipelines/templates/plan-template';
import { kindOf } from '@vm-task/shared/templates/template-file';
import { acceptTask } from '../accept-task.ts';
import { ownershipBy } from '../people/asker.ts';
import { acceptPipeline } from '../pipelines/accept-pipeline.ts';
import { appendLimitMs } from './append-limit.ts';
import { askerOf } from './guard.ts';
import { parseBody } from './parse-body.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function templateRoutes(app: App, deps: HttpDeps): void {
  installRoute(app, deps);
  listRoute(app, deps);
  showRoute(app, deps);
  runRoute(app, deps);
}

function installRoute(app: App, { bus, config, now, log }: HttpDeps): void {
  serve(app, routes.install, async (request) => {
    const file = parseTemplate(request.body, config);
    const stored = await storeTemplate(bus.connection, file, new Date(now()), askerOf(request).team);
    log.info({ template: stored.file.name, version: stored.version }, 'template installed');
    return summaryOf(stored);
  });
}

function listRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.list, async (request) => {
    const found = await listTemplates(bus.connection, askerOf(request).team);
    return { templates: found.map(summaryOf) };
  });
}

function showRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.show, async (request) => {
    const stored = await findTemplate(bus.connection, request.params.name, askerOf(request).team);
    return { ...summaryOf(stored), file: stored.file };
  });
}

function runRoute(app: App, deps: HttpDeps): void {
  serve(app, routes.run, async (request, reply) => {
    const { parameters } = parseBody(request.body ?? {}, routes.run.body);
    const asker = askerOf(request);
    const { file } = await findTemplate(deps.bus.connection, request.params.name, asker.team);
    const { kind, ...body } = await renderTemplate(file, parameters, deps.expressions);
    const key = request.headers['idempotency-key'] ?? null;
    const signal = AbortSignal.timeout(appendLimitMs);
    const submission = { key, requestId: request.id, ownership: ownershipBy(asker) };
    const { id, seq } =
      'task' in body
        ? await acceptTask(deps, { ...submission, body: body.task }, signal)
        : await acceptPipeline(deps, { ...submission, body }, signal);
    deps.projection.expect(seq);
    deps.log.info({ template: file.name, kind, id }, 'template run');
    reply.header('location', `/v1/${kind}s/${id}`);
    return { id, kind };
  });
}

function summaryOf({ version, installedAt, file }: StoredTemplate): TemplateSummary {
  const { name, description = '', parameters = {} } = file;
  return { name, version, kind: kindOf(file), description, parameters, installedAt };
}
