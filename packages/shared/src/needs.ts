/** What a stage's task is given of the stages that it needs: their outcomes, results and files. */
import { z } from 'zod';
import { namePattern, type TaskId, taskIdPattern } from './ids.ts';
import { type Json, jsonSchema } from './json.ts';
import { artifactSchema, copiedErrorSchema, copiedOutcomeSchema } from './task-ending.ts';
import { openEnum } from './tolerant.ts';

/** What a task left behind. */
const outputSchema = z.strictObject({
  result: jsonSchema,
  artifacts: z.array(artifactSchema),
  /** Whose store has the files. */
  host: z.string(),
});
export type TaskOutput = z.infer<typeof outputSchema>;

const neededRunSchema = z.strictObject({
  index: z.int().min(0),
  task: z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>,
  pool: z.string().regex(namePattern),
  outcome: copiedOutcomeSchema,
  error: copiedErrorSchema.nullable(),
  /** Null for a large one: it is in the task's own `task.completed`. */
  output: outputSchema.nullable(),
});
export type NeededRun = z.infer<typeof neededRunSchema>;

export const neededStageSchema = z.strictObject({
  outcome: openEnum(['succeeded', 'failed', 'skipped']),
  /** One run for each item; else one in all, or none of a stage that never ran. */
  perItem: z.boolean(),
  error: copiedErrorSchema.nullable(),
  runs: z.array(neededRunSchema),
});
export type NeededStage = z.infer<typeof neededStageSchema>;

/**
 * A needed stage as expressions and processes see it: `result`, or `results` in the order of the items, null for those
 * that left none. `outputs` are those of its runs.
 */
export function neededValue({ outcome, error, perItem, runs }: NeededStage, outputs: readonly TaskOutput[]): Json {
  const results = outputs.map(({ result }) => result);
  const artifacts = outputs.flatMap((output, at) =>
    output.artifacts.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256, index: runs[at]?.index ?? 0 })),
  );
  const end = { outcome, error: error === null ? null : { ...error }, artifacts };
  return perItem ? { ...end, results } : { ...end, result: results[0] ?? null };
}

export const needsSchema = z.record(z.string(), neededStageSchema);
export type Needs = z.infer<typeof needsSchema>;
