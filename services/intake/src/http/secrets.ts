/** `/v1/secrets`: values go in, encrypted for each host, and never come out. Nothing of a value is logged, or told in an error. */
import { secretRoutes as routes } from '@vm-task/api/secrets';
import { readLeases } from '@vm-task/bus/host-leases';
import { listSecrets, removeSecret, storeSecret } from '@vm-task/bus/secrets';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Asker } from '../people/asker.ts';
import { askerOf } from './guard.ts';
import { parseBody } from './parse-body.ts';
import { type KnownHosts, keysOf, knownHosts, viewOf } from './secret-hosts.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function secretRoutes(app: App, deps: HttpDeps): void {
  setRoute(app, deps);
  listRoute(app, deps);
  removeRoute(app, deps);
}

function setRoute(app: App, { bus, now, log }: HttpDeps): void {
  serve(app, routes.set, async (request) => {
    const { name, value, shared = false, ...body } = parseBody(request.body, routes.set.body);
    const team = ownerFor(askerOf(request), body.team);
    if (shared && team !== null) {
      throw new VmTaskError(
        'invalid-request',
        `shared: goes with secrets of the home; this one is of the team ${team}`,
      );
    }
    const hosts = await hostsOf(bus);
    const stored = await storeSecret(bus.connection, { name, value, team, shared }, keysOf(hosts), new Date(now()));
    const encryptedFor = stored.encryptedFor.map(({ host }) => host);
    log.info({ secret: name, team, version: stored.version, hosts: encryptedFor }, 'secret set');
    return viewOf(stored, hosts);
  });
}

function listRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.list, async (request) => {
    const asker = askerOf(request);
    const { team } = request.query;
    // Who is of no team lists all where nobody's are asked for.
    const owner = asker.team === null ? team : ownerFor(asker, team);
    const [secrets, hosts] = await Promise.all([listSecrets(bus.connection, owner), hostsOf(bus)]);
    return { secrets: secrets.map((secret) => viewOf(secret, hosts)) };
  });
}

function removeRoute(app: App, { bus, log }: HttpDeps): void {
  serve(app, routes.remove, async (request) => {
    const { name } = request.params;
    const team = ownerFor(askerOf(request), request.query.team);
    if (!(await removeSecret(bus.connection, { team, name }))) {
      const whose = team === null ? '' : ` of the team ${team}`;
      throw new VmTaskError(
        'secret-not-found',
        `there is no secret "${name}"${whose}; ./vm-task secret list shows all`,
      );
    }
    log.info({ secret: name, team }, 'secret removed');
    return { name, team };
  });
}

/** Whose secret is asked about: null for the home's. @throws `forbidden` for another owner than the token's team. */
function ownerFor(asker: Asker, asked: string | null | undefined): string | null {
  if (asker.team === null) return asked ?? null;
  if (asked === undefined || asked === asker.team) return asker.team;
  const message = `the token "${asker.name}" is of the team ${asker.team}, and sets, lists and removes the secrets of that alone`;
  throw new VmTaskError('forbidden', message);
}

async function hostsOf({ connection, now }: HttpDeps['bus']): Promise<KnownHosts> {
  const [leases, time] = await Promise.all([readLeases(connection), now()]);
  return knownHosts(leases, time.getTime());
}
