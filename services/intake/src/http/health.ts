/** `GET /healthz`: the process answers. `GET /readyz`: it takes tasks, because the broker answers; and how far reading is. */
import { systemRoutes } from '@vm-task/api/system';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

const fine = { status: 'ok' } as const;

export function healthRoutes(app: App, { bus, projection }: HttpDeps): void {
  serve(app, systemRoutes.health, async () => fine);
  serve(app, systemRoutes.ready, async () => {
    await bus.now();
    return { ...fine, behind: projection.behind };
  });
}
