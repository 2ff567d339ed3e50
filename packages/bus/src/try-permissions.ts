/**
 * Finding out what the broker lets a user do, by doing it: everything that `permissions.ts` gives the user is asked for
 * once, in a form that is refused by whoever would carry it out. So nothing is stored, taken or removed.
 */
import { setImmediate } from 'node:timers/promises';
import { errors, headers, type MsgHdrs } from '@nats-io/transport-node';
import { subjectMatches } from '@vm-task/shared/subjects';
import { type Connection, requestTimeoutMs } from './connection.ts';
import type { BrokerUser } from './credentials.ts';
import { permissionsOf } from './permissions.ts';
import { streams } from './streams.ts';

export interface Refused {
  readonly what: 'may not publish' | 'may not subscribe to' | 'gets no answer on';
  /** The pattern, as the permissions have it. */
  readonly subject: string;
}

/** No id, pool or consumer is ever called so: names have inner dashes only. */
const nobody = 'doctor--';

/** What the user may not do, or has done in vain. The connection must be that user's. */
export async function tryPermissions({ nc }: Connection, user: BrokerUser): Promise<Refused[]> {
  const { publish, subscribe } = permissionsOf(user);
  const denied = await deniedOf(nc, publish, subscribe);
  // Whoever hears no answer learns nothing about the rest.
  if (denied.some(({ what }) => what === 'may not subscribe to')) return denied;
  const toStreams = publish.filter(
    (pattern) => isOfAStream(pattern) && !denied.some(({ subject }) => subject === pattern),
  );
  const silent = await Promise.all(toStreams.map((pattern) => isSilent(nc, pattern)));
  return [
    ...denied,
    ...toStreams.filter((_, n) => silent[n]).map((subject) => ({ what: 'gets no answer on', subject }) as const),
  ];
}

/** Asks for everything at once. The broker answers in order: what it refuses, it has refused when it answers a ping. */
async function deniedOf(
  nc: Connection['nc'],
  publish: readonly string[],
  subscribe: readonly string[],
): Promise<Refused[]> {
  const subjects = { publish: new Set<string>(), subscription: new Set<string>() };
  // Ends with the connection.
  const listen = async () => {
    for await (const status of nc.status()) {
      const error = status.type === 'error' ? status.error : null;
      if (error instanceof errors.PermissionViolationError) subjects[error.operation].add(error.subject);
    }
  };
  void listen();
  const subscriptions = subscribe.map((pattern) => nc.subscribe(exampleOf(pattern), { callback: () => undefined }));
  for (const pattern of publish) nc.publish(exampleOf(pattern), bodyFor(pattern), { headers: hopeless() });
  await nc.flush();
  await setImmediate();
  for (const subscription of subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
  const refused = (what: Refused['what'], patterns: readonly string[], examples: ReadonlySet<string>) =>
    patterns.filter((pattern) => examples.has(exampleOf(pattern))).map((subject) => ({ what, subject }));
  return [
    ...refused('may not subscribe to', subscribe, subjects.subscription),
    ...refused('may not publish', publish, subjects.publish),
  ];
}

function isOfAStream(pattern: string): boolean {
  const example = exampleOf(pattern);
  return Object.values(streams).some(({ subjects }) => subjects.some((one) => subjectMatches(one, example)));
}

/** A stream says that it does not take the message. One that has met a full disk says nothing any more. */
async function isSilent(nc: Connection['nc'], pattern: string): Promise<boolean> {
  return await nc.request(exampleOf(pattern), '{}', { timeout: requestTimeoutMs, headers: hopeless() }).then(
    () => false,
    () => true,
  );
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
