/** `GET /v1/tasks`: the newest first, filtered, in pages. */
import { z } from 'zod';
import { listTasks } from '../projection/list-tasks.ts';
import { taskStatuses, taskSummarySchema } from '../task-view.ts';
import type { App, HttpDeps } from './server.ts';

const labelSchema = z
  .string()
  .regex(/^[^=]+=/, 'must be name=value')
  .transform((text): [string, string] => {
    const at = text.indexOf('=');
    return [text.slice(0, at), text.slice(at + 1)];
  });

const querySchema = z.strictObject({
  status: z.enum(taskStatuses).optional(),
  pool: z.string().optional(),
  label: z
    .union([labelSchema.transform((label) => [label]), z.array(labelSchema)])
    .optional()
    .describe('name=value; several must all hold'),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  after: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the "next" of an earlier page')
    .optional()
    .describe('the "next" of the page before'),
});

const pageSchema = z.object({
  tasks: z.array(taskSummarySchema),
  next: z.string().nullable().describe('the `after` of the next page; null on the last one'),
});

export function listTasksRoute(app: App, { projection }: HttpDeps): void {
  app.get(
    '/v1/tasks',
    { schema: { summary: 'List tasks', querystring: querySchema, response: { 200: pageSchema } } },
    async ({ query: { status, pool, label, limit, after } }) => {
      await projection.upToDate();
      const filter = { status, pool, labels: Object.fromEntries(label ?? []) };
      const { tasks, next } = listTasks(projection.db, filter, limit, after === undefined ? null : Number(after));
      return { tasks, next: next === null ? null : String(next) };
    },
  );
}
