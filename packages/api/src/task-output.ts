/** What tasks leave behind: their events, their output, their files. */
import { progressViewSchema } from '@vm-task/shared/progress';
import { logStreams } from '@vm-task/shared/subjects';
import { z } from 'zod';
import { lastEventIdSchema } from './live.ts';
import type { Route } from './route.ts';
import { taskParamsSchema } from './tasks.ts';

export const eventViewSchema = z.object({
  seq: z.int(),
  type: z.string(),
  time: z.iso.datetime(),
  subject: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type EventView = z.infer<typeof eventViewSchema>;

const attempt = z.int().min(1);

const outputSchema = z.object({
  attempt,
  stream: z.enum(logStreams),
  offset: z.int().min(0).describe('of the first byte, in the stream'),
  data: z.string().describe('base64'),
});
export type OutputView = z.infer<typeof outputSchema>;

export const taskOutputRoutes = {
  events: {
    method: 'GET',
    path: '/v1/tasks/:id/events',
    role: 'viewer',
    summary: "A task's events; with Accept: text/event-stream live, each under its type, then `end`",
    params: taskParamsSchema,
    headers: lastEventIdSchema,
    status: 200,
    answer: z.object({ events: z.array(eventViewSchema) }),
    live: { '*': eventViewSchema },
  },
  logs: {
    method: 'GET',
    path: '/v1/tasks/:id/logs',
    role: 'viewer',
    summary: 'Output as `output` events {attempt, stream, offset, data (base64)}, `progress` between them, then `end`',
    params: taskParamsSchema,
    headers: lastEventIdSchema,
    query: z.strictObject({
      follow: z.stringbool().default(true).describe('false ends with what is stored now'),
    }),
    status: 200,
    live: { output: outputSchema, progress: progressViewSchema.extend({ attempt }) },
  },
  artifact: {
    method: 'GET',
    path: '/v1/tasks/:id/artifacts/*',
    role: 'viewer',
    summary: "Download a task's file",
    params: taskParamsSchema.extend({ '*': z.string().describe('the path that the task wrote') }),
    status: 200,
    media: 'application/octet-stream',
  },
} as const satisfies Record<string, Route>;
