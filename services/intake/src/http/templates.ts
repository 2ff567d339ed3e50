/** `/v1/templates`: tasks and pipelines by name; installed, shown, run. */
import { findTemplate, listTemplates, type StoredTemplate, storeTemplate } from '@vm-task/bus/templates';
import { parseTemplate, renderTemplate } from '@vm-task/pipelines/templates/plan-template';
import { VmTaskError } from '@vm-task/shared/errors';
import { jsonObjectSchema } from '@vm-task/shared/json';
import { parameterSchema } from '@vm-task/shared/pipelines/parameters';
import { kindOf, type TemplateFile, templateFileSchema, templateKinds } from '@vm-task/shared/templates/template-file';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { z } from 'zod';
import { acceptTask } from '../accept-task.ts';
import { acceptPipeline } from '../pipelines/accept-pipeline.ts';
import { appendLimitMs, keyHeaderSchema, refusalSchemas } from './accepted.ts';
import { problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';

const summarySchema = z.object({
  name: z.string(),
  version: z.int(),
  kind: z.enum(templateKinds),
  description: z.string(),
  parameters: z.record(z.string(), parameterSchema),
  installedAt: z.iso.datetime(),
});
const viewSchema = summarySchema.extend({ file: z.custom<TemplateFile>().describe('as it was installed') });
const paramsSchema = z.object({ name: z.string().describe('a name, or name@version') });
const runSchema = z.strictObject({ parameters: jsonObjectSchema.default({}) });
const runSchemaView = z.object({ id: z.string(), kind: z.enum(templateKinds) });

export function templateRoutes(app: App, deps: HttpDeps): void {
  installRoute(app, deps);
  listRoute(app, deps);
  showRoute(app, deps);
  runRoute(app, deps);
}

function installRoute(app: App, { bus, config, now, log }: HttpDeps): void {
  const schema = {
    summary: 'Install a template: a new version, unless the newest one is the same',
    body: templateFileSchema,
    consumes: ['application/json', 'application/yaml'],
    response: { 200: summarySchema, 400: problemSchema, 413: problemSchema, 503: problemSchema },
  };
  app.post('/v1/templates', { schema }, async ({ body }) => {
    const stored = await storeTemplate(bus.connection, parseTemplate(body, config), new Date(now()));
    log.info({ template: stored.file.name, version: stored.version }, 'template installed');
    return summaryOf(stored);
  });
}

function listRoute(app: App, { bus }: HttpDeps): void {
  const response = { 200: z.object({ templates: z.array(summarySchema) }) };
  app.get(
    '/v1/templates',
    { schema: { summary: 'List templates, the newest version of each', response } },
    async () => ({
      templates: (await listTemplates(bus.connection)).map(summaryOf),
    }),
  );
}

function showRoute(app: App, { bus }: HttpDeps): void {
  const schema = {
    summary: 'Show a template',
    params: paramsSchema,
    response: { 200: viewSchema, 404: problemSchema },
  };
  app.get('/v1/templates/:name', { schema }, async ({ params }) => {
    const stored = await findTemplate(bus.connection, params.name);
    return { ...summaryOf(stored), file: stored.file };
  });
}

function runRoute(app: App, deps: HttpDeps): void {
  const schema = {
    summary: 'Run a template with parameters, as a task or a pipeline of its own',
    params: paramsSchema,
    headers: keyHeaderSchema,
    body: runSchema,
    response: { 202: runSchemaView, ...refusalSchemas },
  };
  app.post('/v1/templates/:name/run', { schema }, async (request, reply) => {
    const parsed = runSchema.safeParse(request.body ?? {});
    if (!parsed.success) throw new VmTaskError('invalid-request', explainIssues(parsed.error, runSchema));
    const { file } = await findTemplate(deps.bus.connection, request.params.name);
    const { kind, ...body } = renderTemplate(file, parsed.data.parameters);
    const key = request.headers['idempotency-key'] ?? null;
    const signal = AbortSignal.timeout(appendLimitMs);
    const submission = { key, requestId: request.id };
    const accepted =
      'task' in body
        ? await acceptTask(deps, { ...submission, body: body.task }, signal)
        : await acceptPipeline(deps, { ...submission, body }, signal);
    deps.projection.expect(accepted.seq);
    deps.log.info({ template: file.name, kind, id: accepted.id }, 'template run');
    return reply.code(202).header('location', `/v1/${kind}s/${accepted.id}`).send({ id: accepted.id, kind });
  });
}

function summaryOf({ version, installedAt, file }: StoredTemplate): z.infer<typeof summarySchema> {
  const { name, description = '', parameters = {} } = file;
  return { name, version, kind: kindOf(file), description, parameters, installedAt };
}
