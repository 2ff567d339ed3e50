/** Tasks and pipelines by name: installed, shown, run. */
import { jsonObjectSchema } from '@vm-task/shared/json';
import { parameterSchema } from '@vm-task/shared/pipelines/parameters';
import { type TemplateFile, templateFileSchema, templateKinds } from '@vm-task/shared/templates/template-file';
import { z } from 'zod';
import { acceptedSchema, keyHeaderSchema, refusalsOfSubmissions } from './accepted.ts';
import type { Route } from './route.ts';

export const templateSummarySchema = z.object({
  name: z.string(),
  version: z.int(),
  kind: z.enum(templateKinds),
  description: z.string(),
  parameters: z.record(z.string(), parameterSchema),
  installedAt: z.iso.datetime(),
});
const templateViewSchema = templateSummarySchema.extend({
  file: z.custom<TemplateFile>().describe('as it was installed'),
});
export type TemplateSummary = z.infer<typeof templateSummarySchema>;
export type TemplateView = z.infer<typeof templateViewSchema>;

export const templateRunSchema = z.strictObject({ parameters: jsonObjectSchema.default({}) });

const params = z.object({ name: z.string().describe('a name, or name@version') });

export const templateRoutes = {
  install: {
    method: 'POST',
    path: '/v1/templates',
    role: 'operator',
    summary: 'Install a template: a new version, unless the newest one is the same',
    body: templateFileSchema,
    status: 200,
    answer: templateSummarySchema,
    refusals: [400, 413, 503],
  },
  list: {
    method: 'GET',
    path: '/v1/templates',
    role: 'viewer',
    summary: 'List templates, the newest version of each',
    status: 200,
    answer: z.object({ templates: z.array(templateSummarySchema) }),
  },
  show: {
    method: 'GET',
    path: '/v1/templates/:name',
    role: 'viewer',
    summary: 'Show a template',
    params,
    status: 200,
    answer: templateViewSchema,
    refusals: [404],
  },
  run: {
    method: 'POST',
    path: '/v1/templates/:name/run',
    role: 'submitter',
    summary: 'Run a template with parameters, as a task or a pipeline of its own',
    params,
    headers: keyHeaderSchema,
    body: templateRunSchema,
    status: 202,
    answer: acceptedSchema.extend({ kind: z.enum(templateKinds) }),
    refusals: refusalsOfSubmissions,
  },
} as const satisfies Record<string, Route>;
