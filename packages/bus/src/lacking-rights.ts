/**
 * What a user of the broker lacks of all that `accounts.ts` gives it: rights, by the broker's own word, and answers of
 * the streams. Nothing is stored, taken or removed.
 */
import { errors, headers } from '@nats-io/transport-node';
import { subjectMatches } from '@vm-task/shared/subjects';
import { z } from 'zod';
import { ownRights, type Permissions, permissionsOf, type Scope } from './accounts.ts';
import { type Connection, requestTimeoutMs } from './connection.ts';
import type { BrokerUser } from './credentials.ts';
import { streams } from './streams.ts';

export interface Lacking {
  readonly what: 'may not publish' | 'may not subscribe to' | 'gets no answer on';
  /** The pattern, as the permissions have it. */
  readonly subject: string;
}

const grantedSchema = z.object({ allow: z.array(z.string()).optional(), deny: z.array(z.string()).optional() });
/** Of what the broker says about a user; nothing about what is not restricted. */
const ownRightsSchema = z.object({
  data: z.object({
    permissions: z.object({ publish: grantedSchema.optional(), subscribe: grantedSchema.optional() }).optional(),
  }),
});

/** No id, pool or stream is ever called so: names have inner dashes only. */
const nobody = 'doctor--';

/** The connection must be that user's. */
export async function lackingRights({ nc }: Connection, user: BrokerUser, scope: Scope): Promise<Lacking[]> {
  const wanted = permissionsOf(user, scope);
  const answer = await nc.request(ownRights, undefined, { timeout: requestTimeoutMs }).catch((error) => error);
  // Whoever may not ask, or hears no answer, learns nothing about the rest.
  if (answer instanceof Error) return [refusalIn(answer, wanted)];
  const granted = ownRightsSchema.parse(answer.json()).data.permissions ?? {};
  const refused: Lacking[] = [
    ...lackingOf(wanted.subscribe, granted.subscribe).map((subject) => toLacking('may not subscribe to', subject)),
    ...lackingOf(wanted.publish, granted.publish).map((subject) => toLacking('may not publish', subject)),
  ];
  const asked = wanted.publish.filter(
    (pattern) => isOfAStream(pattern) && !refused.some((one) => one.subject === pattern),
  );
  const silent = await Promise.all(asked.map((pattern) => isSilent(nc, pattern)));
  return [...refused, ...asked.filter((_, n) => silent[n]).map((subject) => toLacking('gets no answer on', subject))];
}

function toLacking(what: Lacking['what'], subject: string): Lacking {
  return { what, subject };
}

/** Without a list, everything is allowed that is not denied. */
function lackingOf(wanted: readonly string[], { allow, deny = [] }: z.infer<typeof grantedSchema> = {}): string[] {
  return wanted.filter((subject) => {
    const isAllowed = allow === undefined || allow.some((pattern) => covers(pattern, subject));
    return !isAllowed || deny.some((pattern) => covers(pattern, subject));
  });
}

/** True when `pattern` takes whatever `wanted`, a pattern itself, takes. */
function covers(pattern: string, wanted: string): boolean {
  return subjectMatches(pattern, wanted) && (pattern.endsWith('>') || !wanted.endsWith('>'));
}

/** What the broker said no to. @throws the error, when it is another one. */
function refusalIn(error: Error, wanted: Permissions): Lacking {
  const cause = error instanceof errors.RequestError ? error.cause : error;
  if (!(cause instanceof errors.PermissionViolationError)) throw error;
  const patterns = cause.operation === 'publish' ? wanted.publish : wanted.subscribe;
  const subject = patterns.find((pattern) => subjectMatches(pattern, cause.subject)) ?? cause.subject;
  return toLacking(cause.operation === 'publish' ? 'may not publish' : 'may not subscribe to', subject);
}

function isOfAStream(pattern: string): boolean {
  const example = exampleOf(pattern);
  return Object.values(streams).some(({ subjects }) => subjects.some((one) => subjectMatches(one, example)));
}

/**
 * A stream answers that it does not take what was meant for another stream. One that has met a full disk says nothing
 * any more.
 */
async function isSilent(nc: Connection['nc'], pattern: string): Promise<boolean> {
  const meant = headers();
  meant.set('Nats-Expected-Stream', nobody);
  return await nc.request(exampleOf(pattern), '{}', { timeout: requestTimeoutMs, headers: meant }).then(
    () => false,
    () => true,
  );
}

function exampleOf(pattern: string): string {
  return pattern.replaceAll('*', nobody).replace(/>$/, nobody);
}
