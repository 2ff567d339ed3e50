/** What whoever submits something sends beside it and hears about it, be it a task, a pipeline or a template. */
import { z } from 'zod';

export const keyHeaderSchema = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().describe('the same key within a day is the same task'),
});

/** Of what was stored, or was asked to end. */
export const acceptedSchema = z.object({ id: z.string() });
export type Accepted = z.infer<typeof acceptedSchema>;

export const refusalsOfSubmissions = [400, 404, 409, 413, 503] as const;
