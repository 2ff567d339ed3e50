/**
 * Finding out what the broker lets a user do, by doing it: everything that `permissions.ts` gives the user is asked for
 * once, in a form that is refused by whoever would carry it out. So nothing is stored, taken or removed.
 */
import { errors, headers, type MsgHdrs } from '@nats-io/transport-node';
import type { BrokerUser } from '../credentials.ts';
import { permissionsOf } from '../permissions.ts';
import type { Connection } from './connection.ts';
import { requestTimeoutMs } from './connection.ts';

export interface Refused {
  readonly what: 'may not publish' | 'may not subscribe to' | 'gets no answer on';
  /** The pattern, as the permissions have it. */
  readonly subject: string;
}

/** No id, pool or consumer is ever called so: ids are longer, and workers' names begin with their service. */
const nobody = 'doctor--';

/** What the user may not do, or has done in vain. The connection must be that user's. */
export async function tryPermissions({ nc }: Connection, user: BrokerUser): Promise<Refused[]> {
  const { publish, subscribe } = permissionsOf(user);
  const found = await Promise.all([
    ...subscribe.map((pattern) => trySubscribing(nc, pattern)),
    ...publish.map((pattern) => tryPublishing(nc, pattern)),
  ]);
  return found.filter((refused) => refused !== null);
}

async function trySubscribing(nc: Connection['nc'], pattern: string): Promise<Refused | null> {
  const refused = Promise.withResolvers<Refused>();
  const subscription = nc.subscribe(exampleOf(pattern), {
    callback: (error) => {
      if (error !== null) refused.resolve({ what: 'may not subscribe to', subject: pattern });
    },
  });
  try {
    // The broker answers in order: a refusal comes before this.
    return await Promise.race([refused.promise, nc.flush().then(() => null)]);
  } finally {
    if (!subscription.isClosed()) subscription.unsubscribe();
  }
}

async function tryPublishing(nc: Connection['nc'], pattern: string): Promise<Refused | null> {
  try {
    await nc.request(exampleOf(pattern), bodyFor(pattern), { timeout: requestTimeoutMs, headers: hopeless() });
    return null;
  } catch (error) {
    // Nobody listens there: who would is another question than who may speak.
    if (error instanceof errors.NoRespondersError) return null;
    const denied = [error, (error as Error).cause].find((layer) => layer instanceof errors.PermissionViolationError);
    if (denied === undefined) return { what: 'gets no answer on', subject: pattern };
    const what = denied.operation === 'publish' ? 'may not publish' : 'may not subscribe to';
    return { what, subject: denied.operation === 'publish' ? pattern : denied.subject };
  }
}

/** A stream takes no message that was meant for another stream. */
function hopeless(): MsgHdrs {
  const expected = headers();
  expected.set('Nats-Expected-Stream', nobody);
  return expected;
}

function exampleOf(pattern: string): string {
  return pattern.replaceAll('*', nobody).replace(/>$/, nobody);
}

/** Requests that name nothing are refused or find nothing; a purge, which would take everything, must not say two limits. */
function bodyFor(pattern: string): string {
  const isPurge = pattern.startsWith('$JS.API.STREAM.PURGE.');
  return JSON.stringify(isPurge ? { filter: nobody, seq: 1, keep: 1 } : {});
}
