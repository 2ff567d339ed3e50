/** What whoever submits something sends beside it and hears about it, be it a task, a pipeline or a template. */
import { z } from 'zod';
import { problemSchema } from './problem.ts';

/** The broker's absence is waited out for so long; then the submitter hears that nothing is known. */
export const appendLimitMs = 20_000;

export const keyHeaderSchema = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().describe('the same key within a day is the same task'),
});

/** Of what was stored, or was asked to end. */
export const acceptedSchema = z.object({ id: z.string() });

export const refusalSchemas = {
  400: problemSchema,
  404: problemSchema,
  409: problemSchema,
  413: problemSchema,
  503: problemSchema,
} as const;
