/** `GET /v1/hosts`: what each host last said of itself, and how long ago. */
import { hostRoutes } from '@vm-task/api/hosts';
import { readLeases } from '@vm-task/bus/host-leases';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function listHostsRoute(app: App, { bus }: HttpDeps): void {
  serve(app, hostRoutes.list, async () => {
    const [held, now] = await Promise.all([readLeases(bus.connection), bus.now()]);
    const hosts = held.map(({ host, renewedAt, lease }) => {
      const ageMs = Math.max(0, now.getTime() - renewedAt.getTime());
      const { v: _v, host: _host, ...said } = lease ?? { v: 1, host };
      return {
        name: host,
        renewedAt: renewedAt.toISOString(),
        ageMs,
        lease: lease === null ? null : (said as Omit<typeof lease, 'v' | 'host'>),
      };
    });
    return { hosts };
  });
}
