/**
 * The events of a pipeline. Its state follows from them alone: what of its tasks matters to it is recorded in the event
 * that follows from it, and every decision is there with its expressions evaluated.
 */
import { z } from 'zod';
import { namePattern, type PipelineId, pipelineIdPattern, type TaskId, taskIdPattern } from '../ids.ts';
import { jsonSchema } from '../json.ts';
import { type Ownership, ownershipShape, principalSchema } from '../people.ts';
import { copiedErrorSchema, copiedOutcomeSchema, errorInfoSchema } from '../task-ending.ts';
import { taskSpecSchema } from '../task-spec.ts';
import { openEnum } from '../tolerant.ts';
import { pipelineSpecSchema } from './spec.ts';

const pipeline = z.string().regex(pipelineIdPattern) as unknown as z.ZodType<PipelineId>;
const task = z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>;
const name = z.string().regex(namePattern);
const v1 = z.literal(1);
/** 2 where not everybody may answer what a stage asks (`answerers.ts`). */
const v1or2 = z.literal([1, 2]);
/** Which item; 0 for a stage that has none. */
const index = z.int().min(0);

/** Which part of which pipeline a task is. `run` is 1: a task tries again by itself, and a resumed pipeline is a new one. */
export const stageRefSchema = z.strictObject({ pipeline, stage: name, index, run: z.int().min(1) });
export type StageRef = z.infer<typeof stageRefSchema>;

/** A task of the pipeline has ended; its result and files are in its own `task.completed`. */
const endedSchema = z.strictObject({
  stage: name,
  index,
  task,
  pool: name,
  outcome: copiedOutcomeSchema,
  error: copiedErrorSchema.nullable(),
});
export type EndedRun = z.infer<typeof endedSchema>;

/** Why a stage will not run. */
export const skipReasons = ['condition', 'needs', 'stopped', 'not-needed', 'cancelled'] as const;
const skipSchema = z.strictObject({ stage: name, reason: openEnum(skipReasons), text: z.string() });

/** A stage that begins to run for items. */
const expandSchema = z.strictObject({ stage: name, items: z.array(jsonSchema) });

/** What could not be started: one run of a stage, or the whole of it (null). */
const failSchema = z.strictObject({ stage: name, index: index.nullable(), error: errorInfoSchema });

const startSchema = z.strictObject({
  stage: name,
  index,
  run: z.int().min(1),
  task,
  pool: name,
  spec: taskSpecSchema,
});
export type StartedRun = z.infer<typeof startSchema>;

const changes = {
  ended: z.array(endedSchema),
  expand: z.array(expandSchema),
  start: z.array(startSchema),
  skip: z.array(skipSchema),
  fail: z.array(failSchema),
};

export const pipelineEventSchemas = {
  /** The pipeline is accepted: from here on it will end, exactly once. */
  'pipeline.created': z.strictObject({
    v: v1or2,
    pipeline,
    spec: pipelineSpecSchema,
    parameters: z.record(z.string(), jsonSchema),
    cause: z.strictObject({ kind: openEnum(['http', 'command', 'resume']), id: z.string() }),
    /** What of an earlier pipeline counts as done in this one. */
    resumed: z
      .strictObject({
        from: pipeline,
        expand: z.array(expandSchema),
        ended: z.array(endedSchema),
        skip: z.array(skipSchema),
      })
      .nullable(),
    /** Of one that goes on with an earlier one: who had submitted that. */
    submitter: principalSchema.optional(),
    ...ownershipShape,
  }),
  /** One decision: what has ended, and what follows from it. The tasks that it starts are whose the pipeline is. */
  'pipeline.advanced': z.strictObject({ v: v1or2, pipeline, ...changes, ...ownershipShape }),
  /** Somebody asked for the end of this pipeline. */
  'pipeline.cancelling': z.strictObject({
    v: v1,
    pipeline,
    by: z.string(),
    reason: z.string(),
    principal: principalSchema.optional(),
  }),
  /** The one terminal event. */
  'pipeline.completed': z.strictObject({
    v: v1,
    pipeline,
    ...changes,
    start: z.array(startSchema).max(0),
    outcome: openEnum(['succeeded', 'failed', 'cancelled']),
    error: errorInfoSchema.nullable(),
  }),
} as const;

export type Changes = Omit<
  z.infer<(typeof pipelineEventSchemas)['pipeline.advanced']>,
  'v' | 'pipeline' | keyof Ownership
>;

export const noChanges: Changes = { ended: [], expand: [], start: [], skip: [], fail: [] };
