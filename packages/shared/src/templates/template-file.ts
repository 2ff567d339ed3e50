/**
 * A template as people write it: a pipeline's file with a name, or a task with a name and parameters. Its parameters are
 * what whoever runs it says; prompts are parameters, too.
 */
import { z } from 'zod';
import { type Json, jsonObjectSchema } from '../json.ts';
import { nameSchema } from '../names.ts';
import { pipelineFileSchema } from '../pipelines/file.ts';
import { type Parameters, parametersSchema } from '../pipelines/parameters.ts';

export const taskTemplateSchema = z.strictObject({
  name: nameSchema,
  description: z.string().max(4_000).optional(),
  parameters: parametersSchema.optional(),
  /** As in a task file, with expressions. */
  task: jsonObjectSchema,
});
export const pipelineTemplateSchema = pipelineFileSchema.required({ name: true });

export const templateFileSchema = z.union([taskTemplateSchema, pipelineTemplateSchema]);
/** As it was written, durations and all: what it is run as reads it once more. */
export type TemplateFile = TaskTemplate | PipelineTemplate;
interface Common {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: Parameters;
}
export type TaskTemplate = Common & { readonly task: Json };
type PipelineTemplate = Common & { readonly stages: Readonly<Record<string, Json>> };

export const templateKinds = ['task', 'pipeline'] as const;
export type TemplateKind = (typeof templateKinds)[number];

export function isTaskTemplate(file: TemplateFile): file is TaskTemplate {
  return Object.hasOwn(file, 'task');
}

export function kindOf(file: TemplateFile): TemplateKind {
  return isTaskTemplate(file) ? 'task' : 'pipeline';
}
