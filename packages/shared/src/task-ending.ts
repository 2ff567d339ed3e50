/** How a task ends, as events carry it: the outcome, an error, a result, files. */
import { z } from 'zod';
import { errorCodes } from './errors.ts';
import { jsonSchema } from './json.ts';

const errorCodeList = Object.keys(errorCodes) as [keyof typeof errorCodes, ...(keyof typeof errorCodes)[]];
export const errorInfoSchema = z.strictObject({ code: z.enum(errorCodeList), message: z.string() });

export const outcomes = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const;
export type Outcome = (typeof outcomes)[number];

/**
 * `source`: the file that `$VM_TASK_RESULT` names, the last 64 KiB of stdout where the process wrote none, or whoever
 * answered a stage that waits for an answer.
 */
const resultSourceSchema = z.enum(['file', 'stdout', 'answer']);
export const resultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('json'), source: resultSourceSchema, value: jsonSchema }),
  z.strictObject({ kind: z.literal('text'), source: resultSourceSchema, value: z.string() }),
]);
export type TaskResult = z.infer<typeof resultSchema>;

/** Kept in the object store under `object`. `path` is relative to the work folder. */
export const artifactSchema = z.strictObject({
  path: z.string(),
  bytes: z.int().min(0),
  sha256: z.string(),
  object: z.string(),
});
export type Artifact = z.infer<typeof artifactSchema>;
