/** What no handler could take; to be looked at, handled again, or thrown away. */
import { z } from 'zod';
import { cursorText, limitSchema, numberSchema } from './paging.ts';
import type { Route } from './route.ts';

export const deadLetterSummarySchema = z.object({
  seq: z.int(),
  buriedAt: z.iso.datetime(),
  /** The durable whose handler could not take the message. */
  consumer: z.string(),
  reason: z.string(),
  /** Of the message: where it was published, and what it is in its stream. */
  subject: z.string(),
  stream: z.string(),
  originalSeq: z.int(),
  publishedAt: z.iso.datetime(),
  traceparent: z.string().nullable(),
});
const deadLetterViewSchema = deadLetterSummarySchema.extend({
  headers: z.record(z.string(), z.string()),
  data: z.string().nullable().describe('base64; null for a message too large to be copied'),
});
export type DeadLetterSummary = z.infer<typeof deadLetterSummarySchema>;
export type DeadLetterView = z.infer<typeof deadLetterViewSchema>;

const params = z.object({ seq: numberSchema(undefined, 1).describe('the number in the list') });
const seqSchema = z.object({ seq: z.int() });

export const deadLetterRoutes = {
  list: {
    method: 'GET',
    path: '/v1/deadletters',
    role: 'operator',
    homeWide: true,
    summary: 'List dead letters',
    query: z.strictObject({
      after: numberSchema(0, 0).describe(cursorText),
      limit: limitSchema(50),
    }),
    status: 200,
    answer: z.object({ letters: z.array(deadLetterSummarySchema), next: z.int().nullable() }),
  },
  show: {
    method: 'GET',
    path: '/v1/deadletters/:seq',
    role: 'operator',
    homeWide: true,
    summary: 'Show a dead letter with its message',
    params,
    status: 200,
    answer: deadLetterViewSchema,
    refusals: [404],
  },
  replay: {
    method: 'POST',
    path: '/v1/deadletters/:seq/replay',
    role: 'operator',
    homeWide: true,
    summary: 'Have the message handled again by the worker that could not; the dead letter goes when that succeeds',
    params,
    status: 202,
    answer: seqSchema,
    refusals: [404],
  },
  drop: {
    method: 'DELETE',
    path: '/v1/deadletters/:seq',
    role: 'admin',
    homeWide: true,
    summary: 'Throw a dead letter away',
    params,
    status: 200,
    answer: seqSchema,
    refusals: [404],
  },
} as const satisfies Record<string, Route>;
