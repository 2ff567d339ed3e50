/** `/v1/secrets`: values go in, encrypted for each host, and never come out. Nothing of a value is logged, or told in an error. */
import { secretRoutes as routes, type SecretView } from '@vm-task/api/secrets';
import { readLeases } from '@vm-task/bus/host-leases';
import { listSecrets, removeSecret, type SecretSummary, storeSecret } from '@vm-task/bus/secrets';
import { VmTaskError } from '@vm-task/shared/errors';
import type { HostToken } from '@vm-task/shared/events';
import { parseBody } from './parse-body.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function secretRoutes(app: App, deps: HttpDeps): void {
  setRoute(app, deps);
  listRoute(app, deps);
  removeRoute(app, deps);
}

function setRoute(app: App, { bus, now, log }: HttpDeps): void {
  serve(app, routes.set, async ({ body }) => {
    const { name, value, team = null } = parseBody(body, routes.set.body);
    const keys = await keysOf(bus.connection);
    const encrypted = new Map([...keys].flatMap(([host, key]) => (key === null ? [] : [[host, key] as const])));
    const stored = await storeSecret(bus.connection, { name, value, team }, encrypted, new Date(now()));
    log.info({ secret: name, version: stored.version, hosts: [...encrypted.keys()] }, 'secret set');
    return viewOf(stored, keys);
  });
}

function listRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.list, async () => {
    const [secrets, keys] = await Promise.all([listSecrets(bus.connection), keysOf(bus.connection)]);
    return { secrets: secrets.map((secret) => viewOf(secret, keys)) };
  });
}

function removeRoute(app: App, { bus, log }: HttpDeps): void {
  serve(app, routes.remove, async ({ params: { name } }) => {
    if (!(await removeSecret(bus.connection, name))) {
      throw new VmTaskError('secret-not-found', `there is no secret "${name}"; ./vm-task secret list shows all`);
    }
    log.info({ secret: name }, 'secret removed');
    return { name };
  });
}

type Keys = ReadonlyMap<HostToken, string | null>;

/** Of each host that has ever been there: its public key, as it says itself. */
async function keysOf(connection: HttpDeps['bus']['connection']): Promise<Keys> {
  const leases = await readLeases(connection);
  return new Map(leases.map(({ host, lease }) => [host, lease?.secretsKey ?? null]));
}

function viewOf({ encryptedFor, ...secret }: SecretSummary, keys: Keys): SecretView {
  const hosts = [...keys].map(([name, key]) => {
    const has = encryptedFor.some((one) => one.host === name && one.key === key);
    return { name, state: key === null ? ('no-key' as const) : has ? ('has' as const) : ('lacks' as const) };
  });
  return { ...secret, hosts };
}
