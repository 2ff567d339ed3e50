/**
 * A pipeline as people write it: the YAML or JSON of `vm-task pipeline run FILE`. A stage is a task, as a task file has
 * it, with a few keys more. Unknown keys are errors that name the key and the nearest known one. `spec.ts` is what it
 * becomes.
 */
import { z } from 'zod';
import { durationSchema } from '../durations.ts';
import { jsonSchema } from '../json.ts';
import { nameSchema } from '../names.ts';
import { taskFileSchema } from '../task-file.ts';
import { parametersSchema } from './parameters.ts';

/** More than anybody draws; each may run for many items. */
export const maxStages = 100;
/** Of one `forEach`: as many tasks as one event can start. */
export const maxItems = 256;
const maxApprovers = 32;

export const stageKinds = ['task', 'external', 'approval'] as const;
export const failurePolicies = ['stop', 'continue'] as const;

const vmOfSchema = z.strictObject({ of: nameSchema });

/** What a stage has besides the keys of its task. */
const stageKeys = {
  kind: z.enum(stageKinds).optional(),
  needs: z.array(nameSchema).max(maxStages).optional(),
  if: z.string().optional(),
  forEach: z.union([z.string(), z.array(jsonSchema).max(maxItems)]).optional(),
  onFailure: z.boolean().optional(),
  always: z.boolean().optional(),
  /** The VM of an earlier stage, as that one left it. */
  vm: vmOfSchema.optional(),
  /** Of `external` and `approval`: what is to be done, or decided. */
  description: z.string().max(4_000).optional(),
  deadline: durationSchema.optional(),
  /** Names of tokens: nobody else may answer, and whoever submitted the pipeline only with `allowSubmitter`. */
  approvers: z.array(nameSchema).min(1).max(maxApprovers).optional(),
  allowSubmitter: z.boolean().optional(),
} as const;
const isStageKey = (key: string): key is keyof typeof stageKeys => Object.hasOwn(stageKeys, key);

/** The task's own keys are looked at by `spec.ts`, which knows where expressions stand. */
const taskKeys = Object.fromEntries(Object.keys(taskFileSchema.shape).map((key) => [key, jsonSchema.optional()]));

/** A text is the task's own key: a named VM. */
const vmSchema = z.union([z.string(), vmOfSchema]).optional();
const stageFileSchema = z.strictObject({ ...taskKeys, ...stageKeys, vm: vmSchema });

export const pipelineFileSchema = z.strictObject({
  name: nameSchema.optional(),
  description: z.string().max(4_000).optional(),
  parameters: parametersSchema.optional(),
  failure: z.enum(failurePolicies).optional(),
  stages: z
    .record(nameSchema, stageFileSchema)
    .refine((stages) => Object.keys(stages).length > 0, 'a pipeline needs a stage at least')
    .refine((stages) => Object.keys(stages).length <= maxStages, `a pipeline may have ${maxStages} stages`),
});
export type PipelineFile = z.infer<typeof pipelineFileSchema>;

/** What is submitted: a pipeline, and the values of its parameters. */
export const pipelineSubmissionSchema = z.strictObject({
  pipeline: pipelineFileSchema,
  parameters: z.record(z.string(), jsonSchema).optional(),
});

export interface StageFile {
  readonly own: { readonly [K in keyof typeof stageKeys]?: z.infer<(typeof stageKeys)[K]> };
  /** The keys of the task. */
  readonly task: Readonly<Record<string, z.infer<typeof jsonSchema>>>;
}

/** A stage's own keys and those of its task, apart. */
export function splitStage(stage: PipelineFile['stages'][string]): StageFile {
  const entries = Object.entries(stage).filter(([, value]) => value !== undefined);
  const isOwn = (key: string, value: unknown) => isStageKey(key) && (key !== 'vm' || typeof value === 'object');
  return {
    own: Object.fromEntries(entries.filter(([key, value]) => isOwn(key, value))),
    task: Object.fromEntries(entries.filter(([key, value]) => !isOwn(key, value))) as StageFile['task'],
  };
}
