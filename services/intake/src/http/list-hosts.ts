/** `GET /v1/hosts`: what each host last said of itself, and how long ago. */
import { hostRoutes } from '@vm-task/api/hosts';
import { readLeases } from '@vm-task/bus/host-leases';
import type { HostLease } from '@vm-task/shared/host-lease';
import type { Projection } from '../projection/projection.ts';
import { resolveId } from '../projection/resolve-id.ts';
import { askerOf } from './guard.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function listHostsRoute(app: App, { bus, projection }: HttpDeps): void {
  serve(app, hostRoutes.list, async (request) => {
    const { team } = askerOf(request);
    const [held, now] = await Promise.all([readLeases(bus.connection), bus.now()]);
    const hosts = held.map(({ host, renewedAt, lease }) => {
      const ageMs = Math.max(0, now.getTime() - renewedAt.getTime());
      const { v: _v, host: _host, ...said } = lease ?? { v: 1, host };
      return {
        name: host,
        renewedAt: renewedAt.toISOString(),
        ageMs,
        lease: lease === null ? null : withVmsOf(projection, team, said as Omit<typeof lease, 'v' | 'host'>),
      };
    });
    return { hosts };
  });
}

/** What a host says of other teams' VMs is left out. */
function withVmsOf<L extends Pick<HostLease, 'vms'>>({ db }: Projection, team: string | null, lease: L): L {
  if (team === null) return lease;
  const isTheirs = (task: string | null) => task !== null && resolveId(db, task, team).kind === 'task';
  return { ...lease, vms: lease.vms.filter(({ task }) => isTheirs(task)) };
}
