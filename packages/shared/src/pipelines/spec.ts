/**
 * A pipeline as the system keeps it in `pipeline.created`: every default applied, the stages in an order in which each
 * comes after those that it needs.
 */
import { z } from 'zod';
import { jsonObjectSchema, jsonSchema } from '../json.ts';
import { failurePolicies, stageKinds } from './file.ts';
import { parameterSchema } from './parameters.ts';

export const stageSpecSchema = z.strictObject({
  name: z.string(),
  kind: z.enum(stageKinds),
  needs: z.array(z.string()),
  /** Runs only when a stage that it needs has failed. */
  onFailure: z.boolean(),
  /** Runs once what it needs has ended, however that ended. */
  always: z.literal(true).optional(),
  /** Expressions: whether it runs at all, and the items that it runs for. */
  if: z.string().nullable(),
  forEach: z.union([z.string(), z.array(jsonSchema)]).nullable(),
  /** The task's file with its expressions; of `external` and `approval` only what can be shown to a person. */
  task: jsonObjectSchema,
  description: z.string(),
  deadlineMs: z.int(),
  /** Who may answer: tokens by their names, or null for all that have the role; and whether the pipeline's submitter is one of them. Without it, all. */
  answerers: z.strictObject({ tokens: z.array(z.string()).min(1).nullable(), submitter: z.boolean() }).optional(),
  /** It runs in the VM that was this stage's. */
  vm: z.strictObject({ of: z.string() }).optional(),
});
export type StageSpec = z.infer<typeof stageSpecSchema>;

export const pipelineSpecSchema = z.strictObject({
  name: z.string(),
  description: z.string(),
  failure: z.enum(failurePolicies),
  parameters: z.record(z.string(), parameterSchema),
  stages: z.array(stageSpecSchema).min(1),
});
export type PipelineSpec = z.infer<typeof pipelineSpecSchema>;

/** The version of its first event: a service that does not know who may answer must not take part. */
export function createdVersionOf({ stages }: Pick<PipelineSpec, 'stages'>): 1 | 2 {
  return stages.some(({ answerers }) => answerers !== undefined) ? 2 : 1;
}
