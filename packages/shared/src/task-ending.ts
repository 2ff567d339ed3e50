/** How a task ends, as events carry it: the outcome, an error, a result, files. */
import { z } from 'zod';
import { errorCodes } from './errors.ts';
import { jsonSchema } from './json.ts';
import { openEnum, tolerant } from './tolerant.ts';

const errorCodeList = Object.keys(errorCodes) as [keyof typeof errorCodes, ...(keyof typeof errorCodes)[]];
export const errorInfoSchema = z.strictObject({ code: openEnum(errorCodeList), message: z.string() });

export const outcomes = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const;
export type Outcome = (typeof outcomes)[number];

/** How some other task has ended, where that is written down once more: as it was read, whatever version has written it. */
export const copiedOutcomeSchema = tolerant(openEnum(outcomes));
export const copiedErrorSchema = tolerant(errorInfoSchema);

/**
 * `source`: the file that `$VM_TASK_RESULT` names, the last 64 KiB of stdout where the process wrote none, or whoever
 * answered a stage that waits for an answer.
 */
const resultSourceSchema = openEnum(['file', 'stdout', 'answer']);
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
  /** It may be executed; without it, it may not, or a version wrote the event that did not look. */
  executable: z.literal(true).optional(),
});
export type Artifact = z.infer<typeof artifactSchema>;

/**
 * A pattern of `artifacts` that no file matches, and what is there in its place: a folder that has the name, or files
 * whose names begin with a dot. A pattern of more than `unmatchedPatternChars` is cut there.
 */
export const unmatchedPatternSchema = z.strictObject({
  pattern: z.string(),
  found: openEnum(['nothing', 'folder', 'hidden']),
});
export type UnmatchedPattern = z.infer<typeof unmatchedPatternSchema>;
export const unmatchedPatternChars = 200;
