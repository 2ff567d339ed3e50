/** `GET /healthz`: the process answers. `GET /readyz`: it can do its work: the broker answers, what is read is current. */
import { systemRoutes } from '@vm-task/api/system';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

const fine = { status: 'ok' } as const;

export function healthRoutes(app: App, { bus, projection }: HttpDeps): void {
  serve(app, systemRoutes.health, async () => fine);
  serve(app, systemRoutes.ready, async () => {
    await Promise.all([bus.now(), projection.upToDate()]);
    return fine;
  });
}
