/** Messages to people, named VMs and roles: sent, read live, marked. */
import { groups, messageSchema, recipientSchema, sendSchema } from '@vm-task/shared/inbox';
import { z } from 'zod';
import { lastEventIdSchema } from './live.ts';
import { cursorText, limitSchema, numberSchema, shortPagesText } from './paging.ts';
import type { Route } from './route.ts';

export const messageViewSchema = messageSchema.omit({ v: true }).extend({ group: z.enum(groups) });
export type MessageView = z.infer<typeof messageViewSchema>;

const params = z.object({ id: z.string() });
const one = { params, status: 200, answer: messageViewSchema, refusals: [404] } as const;

export const inboxRoutes = {
  send: {
    method: 'POST',
    path: '/v1/inbox',
    role: 'submitter',
    summary: 'Send a message',
    body: sendSchema,
    status: 201,
    answer: messageViewSchema,
    refusals: [400, 413, 503],
  },
  list: {
    method: 'GET',
    path: '/v1/inbox',
    role: 'viewer',
    summary: 'List messages; with Accept: text/event-stream live, as `message` events, marks included',
    query: z.strictObject({
      to: recipientSchema.optional().describe('only messages to this recipient'),
      archived: z.stringbool().default(false).describe('those, too, that were put away'),
      after: numberSchema(0, 0).describe(cursorText),
      limit: limitSchema(200),
    }),
    headers: lastEventIdSchema,
    status: 200,
    answer: z.object({
      messages: z.array(messageViewSchema),
      next: z.int().nullable().describe(shortPagesText),
    }),
    live: { message: messageViewSchema },
  },
  show: { ...one, method: 'GET', path: '/v1/inbox/:id', role: 'viewer', summary: 'Show a message' },
  read: { ...one, method: 'POST', path: '/v1/inbox/:id/read', role: 'submitter', summary: 'Mark a message as read' },
  archive: { ...one, method: 'POST', path: '/v1/inbox/:id/archived', role: 'submitter', summary: 'Put a message away' },
} as const satisfies Record<string, Route>;
