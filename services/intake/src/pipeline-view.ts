/** A pipeline as people see it: the JSON of `pipeline show` and `pipeline list`, the same in HTTP and on the command line. */
import { jsonSchema } from '@vm-task/shared/json';
import { stageKinds } from '@vm-task/shared/pipelines/file';
import { progressViewSchema } from '@vm-task/shared/progress';
import { errorInfoSchema } from '@vm-task/shared/task-ending';
import { z } from 'zod';
import { openQuestionSchema, taskSummarySchema } from './task-view.ts';

export const pipelineStatuses = ['running', 'cancelling', 'completed'] as const;
export type PipelineStatus = (typeof pipelineStatuses)[number];

export const standings = ['waiting', 'running', 'succeeded', 'failed', 'skipped'] as const;

const time = z.iso.datetime();

export const pipelineSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(pipelineStatuses),
  outcome: z.enum(['succeeded', 'failed', 'cancelled']).nullable(),
  error: errorInfoSchema.nullable(),
  resumedFrom: z.string().nullable(),
  /** How many stages stand how. */
  progress: z.record(z.enum(standings), z.int()),
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

const stageSchema = z.object({
  name: z.string(),
  kind: z.enum(stageKinds),
  needs: z.array(z.string()),
  onFailure: z.boolean(),
  standing: z.enum(standings),
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
