/**
 * The audit log is written here, for every route and before its answer is sent: a route of its own accord can neither
 * forget it nor add anything to it. Of what was asked, the ids alone are recorded; of what is answered, who was made.
 */
import { type AuditRecord, type AuditThing, auditedIdPattern } from '@vm-task/shared/audit-record';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../people/asker.ts';
import type { AuditTrail } from '../people/audit-trail.ts';
import { actOf, originOf, tokenIn } from './guard.ts';

/** What routes of this first part of a path are about. */
const things: Readonly<Record<string, AuditThing>> = {
  tasks: 'task',
  pipelines: 'pipeline',
  templates: 'template',
  inbox: 'message',
  tokens: 'token',
  secrets: 'secret',
  deadletters: 'deadletter',
};

/** Named by ids, which say nothing. A name may be anything that somebody has typed, so it is recorded when it was one. */
const namedByIds: ReadonlySet<AuditThing> = new Set(['task', 'pipeline', 'message', 'deadletter']);

export function auditActs(
  app: FastifyInstance,
  deps: { readonly audit: AuditTrail; readonly now: () => number },
): void {
  app.addHook('onSend', async (request, reply, payload) => {
    await record(deps, request, reply, payload);
  });
}

async function record(
  { audit, now }: { readonly audit: AuditTrail; readonly now: () => number },
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<void> {
  const { asker } = request;
  const outcome = reply.statusCode;
  const draft = {
    v: 1 as const,
    at: new Date(now()).toISOString(),
    act: actOf(request),
    from: originOf(request),
    outcome,
  };
  if (asker === null) {
    const isGuess = (outcome === 401 || outcome === 429) && tokenIn(request) !== '';
    return isGuess ? audit.guess({ ...draft, who: null, about: [] }) : undefined;
  }
  const { access } = request.routeOptions.config;
  const said = { ...draft, who: { ...principalOf(asker), kind: 'token' as const, team: asker.team } };
  if (outcome === 403) return audit.refusal({ ...said, about: aboutOf(request, reply, payload) });
  const isReading = request.method === 'GET' || request.method === 'HEAD';
  // What is no route changes nothing.
  if (!isReading && access !== undefined) return audit.act({ ...said, about: aboutOf(request, reply, payload) });
}

/** What was named in the address, what the answer says was made, and whose it is where that is not said by its id. */
function aboutOf(request: FastifyRequest, reply: FastifyReply, payload: unknown): AuditRecord['about'] {
  const kind = things[request.routeOptions.url?.split('/')[2] ?? ''];
  if (kind === undefined) return [];
  const isDone = reply.statusCode < 400;
  const { id, name, seq } = request.params as Record<string, unknown>;
  const given = namedByIds.has(kind) || isDone ? checked(id ?? name ?? seq) : null;
  if (!isDone) return given === null ? [] : [{ kind, id: given }];
  const location = String(reply.getHeader('location') ?? '').split('/');
  const team = kind === 'secret' ? checked(memberOf(payload, 'team')) : null;
  return [
    ...namedAndMade(kind, given, answeredBy(payload), things[location[2] ?? ''] ?? kind),
    ...(team === null ? [] : [{ kind: 'team' as const, id: team }]),
  ];
}

function namedAndMade(
  kind: AuditThing,
  given: string | null,
  answered: string | null,
  made: AuditThing,
): AuditRecord['about'] {
  // An id may have been given by its beginning.
  const named = given !== null && answered?.startsWith(given) === true ? answered : given;
  return [
    ...(named === null ? [] : [{ kind, id: named }]),
    ...(answered === null || answered === named ? [] : [{ kind: made, id: answered }]),
  ];
}

function answeredBy(payload: unknown): string | null {
  return checked(memberOf(payload, 'id') ?? memberOf(payload, 'name'));
}

/** Of the JSON of a success. */
function memberOf(payload: unknown, key: 'id' | 'name' | 'team'): unknown {
  if (typeof payload !== 'string') return undefined;
  try {
    return (JSON.parse(payload) as { readonly [key: string]: unknown })[key];
  } catch {
    return undefined;
  }
}

/** Null for what has not the form of an id or a name. */
function checked(value: unknown): string | null {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value).toLowerCase() : '';
  return auditedIdPattern.test(text) ? text : null;
}
