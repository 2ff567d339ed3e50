/** `GET /healthz`: the process answers. `GET /readyz`: it can do its work: the broker answers, what is read is current. */
import { z } from 'zod';
import { problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';

const healthySchema = z.object({ status: z.literal('ok') });
const open = { open: true };

export function healthRoutes(app: App, { bus, projection }: HttpDeps): void {
  app.get(
    '/healthz',
    { config: open, schema: { summary: 'Alive', security: [], response: { 200: healthySchema } } },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    { config: open, schema: { summary: 'Ready', security: [], response: { 200: healthySchema, 503: problemSchema } } },
    async () => {
      await Promise.all([bus.now(), projection.upToDate()]);
      return { status: 'ok' as const };
    },
  );
}
