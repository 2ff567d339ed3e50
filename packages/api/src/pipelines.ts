/** A pipeline as people see it, and what can be asked of it. */
import { jsonSchema } from '@vm-task/shared/json';
import { pipelineSubmissionSchema, stageKinds } from '@vm-task/shared/pipelines/file';
import { progressViewSchema } from '@vm-task/shared/progress';
import { errorInfoSchema } from '@vm-task/shared/task-ending';
import { z } from 'zod';
import { acceptedSchema, keyHeaderSchema, refusalsOfSubmissions } from './accepted.ts';
import { cursorText, limitSchema, nextText, numberSchema } from './paging.ts';
import type { Route } from './route.ts';
import { openQuestionSchema, taskSummarySchema } from './tasks.ts';

export const pipelineStatuses = ['running', 'cancelling', 'completed'] as const;
export type PipelineStatus = (typeof pipelineStatuses)[number];

export const stageStatuses = ['waiting', 'running', 'succeeded', 'failed', 'skipped'] as const;

const time = z.iso.datetime();

export const pipelineSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(pipelineStatuses),
  outcome: z.enum(['succeeded', 'failed', 'cancelled']).nullable(),
  error: errorInfoSchema.nullable(),
  resumedFrom: z.string().nullable(),
  /** How many stages stand how. */
  progress: z.record(z.enum(stageStatuses), z.int()),
  createdAt: time,
  completedAt: time.nullable(),
});

const runSchema = z.object({
  /** Which item; 0 for a stage without items. */
  index: z.int(),
  item: jsonSchema.describe('null for a stage without items'),
  /** The task's own view; null for one that could not be started, or is no longer kept. */
  task: taskSummarySchema.nullable(),
  question: openQuestionSchema,
  durationMs: z.number().nullable().describe('from the task being created to its end'),
  progress: progressViewSchema.nullable().describe('what its process says while it runs'),
  recorded: z.boolean().describe('it ran in the pipeline that this one resumes'),
  error: errorInfoSchema.nullable(),
});

export const stageSchema = z.object({
  name: z.string(),
  kind: z.enum(stageKinds),
  needs: z.array(z.string()),
  onFailure: z.boolean(),
  always: z.boolean(),
  standing: z.enum(stageStatuses),
  /** Why it was skipped. */
  reason: z.string().nullable(),
  error: errorInfoSchema.nullable(),
  runs: z.array(runSchema),
});

export const pipelineViewSchema = pipelineSummarySchema.extend({
  description: z.string(),
  parameters: z.record(z.string(), jsonSchema),
  stages: z.array(stageSchema),
});

export type PipelineSummary = z.infer<typeof pipelineSummarySchema>;
export type PipelineView = z.infer<typeof pipelineViewSchema>;
export type StageView = z.infer<typeof stageSchema>;
export type RunView = z.infer<typeof runSchema>;

const params = z.object({
  id: z.string().describe('a pipeline id, or its beginning from 8 characters on where only one pipeline begins so'),
});

export const pipelineRoutes = {
  submit: {
    method: 'POST',
    path: '/v1/pipelines',
    role: 'submitter',
    summary: 'Submit a pipeline',
    headers: keyHeaderSchema,
    body: pipelineSubmissionSchema,
    status: 202,
    answer: acceptedSchema,
    refusals: refusalsOfSubmissions,
  },
  list: {
    method: 'GET',
    path: '/v1/pipelines',
    role: 'viewer',
    summary: 'List pipelines',
    query: z.strictObject({
      status: z.enum(pipelineStatuses).optional(),
      limit: limitSchema(50),
      after: numberSchema(undefined, 1).optional().describe(cursorText),
    }),
    status: 200,
    answer: z.object({ pipelines: z.array(pipelineSummarySchema), next: z.int().nullable().describe(nextText) }),
  },
  show: {
    method: 'GET',
    path: '/v1/pipelines/:id',
    role: 'viewer',
    summary: 'Show a pipeline; with Accept: text/event-stream again after each change, as `pipeline`, then `end`',
    params,
    status: 200,
    answer: pipelineViewSchema,
    live: { pipeline: pipelineViewSchema },
    refusals: [404, 409],
  },
  cancel: {
    method: 'DELETE',
    path: '/v1/pipelines/:id',
    role: 'submitter',
    own: true,
    summary: 'Cancel a pipeline and its tasks',
    params,
    status: 202,
    answer: acceptedSchema,
    refusals: refusalsOfSubmissions,
  },
  resume: {
    method: 'POST',
    path: '/v1/pipelines/:id/resume',
    role: 'submitter',
    own: true,
    summary: 'Go on with a pipeline that ended without success: a new one, which knows what succeeded in the old one',
    params,
    headers: keyHeaderSchema,
    status: 202,
    answer: acceptedSchema,
    refusals: refusalsOfSubmissions,
  },
} as const satisfies Record<string, Route>;
