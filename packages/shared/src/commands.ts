/** What may be asked for on `COMMANDS`: any NATS client publishes JSON there, and it is stored even while intake is down. */
import { z } from 'zod';
import {
  type MessageId,
  messageIdPattern,
  type PipelineId,
  pipelineIdPattern,
  type TaskId,
  taskIdPattern,
} from './ids.ts';
import { jsonSchema } from './json.ts';

/** `seq` is the letter's in `DEAD`. */
export const deadletterReplaySchema = z.strictObject({ seq: z.int().min(1) });

/** The data of `task.submit` is a task file (`task-file.ts`). */
export const taskCancelSchema = z.strictObject({
  task: z.string().regex(taskIdPattern, 'must be a whole task id') as unknown as z.ZodType<TaskId>,
  reason: z.string().max(1_000).default('cancelled by command'),
});

/** A task's question for a task of its own: which one it is follows from the asking task and the key. */
export const taskSpawnSchema = z.strictObject({
  v: z.literal(1),
  id: z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>,
  parent: z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>,
  /** A task file; intake plans it. */
  file: jsonSchema,
});

/** A task has read a message that is to it. */
export const messageReadSchema = z.object({
  v: z.literal(1),
  id: z.string().regex(messageIdPattern) as unknown as z.ZodType<MessageId>,
});

/** The data of `pipeline.submit` is `{pipeline, parameters}` (`pipelines/file.ts`). */
export const pipelineCancelSchema = z.strictObject({
  pipeline: z.string().regex(pipelineIdPattern, 'must be a whole pipeline id') as unknown as z.ZodType<PipelineId>,
  reason: z.string().max(1_000).default('cancelled by command'),
});
