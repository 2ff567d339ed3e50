/** The system itself: whether it lives and can work, its measurements, its description. */
import { z } from 'zod';
import type { Route } from './route.ts';

const healthySchema = z.object({ status: z.literal('ok') });
const readySchema = healthySchema.extend({
  behind: z
    .int()
    .optional()
    .describe('at most so many of the newest events are not shown yet by what is read; 0 when all are'),
});

export const systemRoutes = {
  health: { method: 'GET', path: '/healthz', role: 'anyone', summary: 'Alive', status: 200, answer: healthySchema },
  ready: {
    method: 'GET',
    path: '/readyz',
    role: 'anyone',
    summary: 'Ready: new tasks are taken',
    status: 200,
    answer: readySchema,
    refusals: [503],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    role: 'viewer',
    homeWide: true,
    summary: 'Prometheus metrics',
    status: 200,
    media: 'text/plain',
  },
  description: {
    method: 'GET',
    path: '/openapi.json',
    role: 'viewer',
    summary: 'This description',
    status: 200,
    answer: z.record(z.string(), z.unknown()),
  },
} as const satisfies Record<string, Route>;
