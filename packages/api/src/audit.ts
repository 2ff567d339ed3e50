/** The audit log: who did what over HTTP. */
import { auditRecordSchema } from '@vm-task/shared/audit-record';
import { durationSchema } from '@vm-task/shared/durations';
import { nameSchema } from '@vm-task/shared/names';
import { z } from 'zod';
import { lastEventIdSchema } from './live.ts';
import { cursorText, limitSchema, numberSchema, shortPagesText } from './paging.ts';
import type { Route } from './route.ts';

const auditEntrySchema = auditRecordSchema.omit({ v: true }).extend({ seq: z.int() });
export type AuditEntryView = z.infer<typeof auditEntrySchema>;

export const auditRoutes = {
  list: {
    method: 'GET',
    path: '/v1/audit',
    role: 'admin',
    homeWide: true,
    summary: 'List the audit log, the oldest first; with Accept: text/event-stream live, as `record` events',
    query: z.strictObject({
      since: durationSchema.optional().describe('only what was recorded in the last time, as 2h'),
      who: nameSchema.optional().describe('only what the token of this name did'),
      about: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{0,49}$/, 'must be an id, the beginning of one, or a name')
        .optional()
        .describe('only what was about this id, the beginning of one, or name'),
      after: numberSchema(0, 0).describe(cursorText),
      limit: limitSchema(200),
    }),
    headers: lastEventIdSchema,
    status: 200,
    answer: z.object({
      records: z.array(auditEntrySchema),
      next: z.int().nullable().describe(shortPagesText),
    }),
    live: { record: auditEntrySchema },
  },
} as const satisfies Record<string, Route>;
