/** A route of the API's contract, served: asked, checked and answered by the schemas of its declaration. */
import { STATUS_CODES } from 'node:http';
import { endEvent, eventStreamType } from '@vm-task/api/live';
import { problemSchema, problemType } from '@vm-task/api/problem';
import type { Answer, Asked, Route } from '@vm-task/api/route';
import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { z } from 'zod';
import type { App } from './server.ts';

/** Returns what is answered with the route's status; the reply itself when that was sent already, as of streams. */
export type Handler<R extends Route> = (
  request: FastifyRequest<Asked<R>>,
  reply: FastifyReply,
) => Promise<Answer<R> | FastifyReply>;

export function serve<R extends Route>(app: App, route: R, handle: Handler<R>): void {
  app.route<Asked<R>>({
    method: route.method,
    url: route.path,
    config: { access: route },
    schema: schemaOf(route),
    handler: (request, reply) => handle(request, reply.code(route.status)),
  });
}

/** As Fastify checks what is asked, and as `@fastify/swagger` describes all of it. */
export function schemaOf(route: Route): FastifySchema {
  const { summary, params, query: querystring, headers, body, status, refusals = [], role } = route;
  const problem = { [problemType]: { schema: problemSchema } };
  const refused = refusals.map((code) => [code, { description: STATUS_CODES[code], content: problem }]);
  return {
    summary,
    ...(params === undefined ? {} : { params }),
    ...(querystring === undefined ? {} : { querystring }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body, consumes: ['application/json', 'application/yaml'] }),
    ...(role === 'anyone' ? { security: [] } : {}),
    ...extensionsOf(route),
    response: {
      [status]: { description: STATUS_CODES[status], content: contentOf(route) },
      ...Object.fromEntries(refused),
    },
  };
}

/** What a description says beside what OpenAPI knows. */
function extensionsOf({ role, own, homeWide }: Route): Record<`x-${string}`, unknown> {
  return {
    'x-role': role,
    ...(own === true ? { 'x-own': true } : {}),
    ...(homeWide === true ? { 'x-home-wide': true } : {}),
  };
}

function contentOf({ answer, live, media }: Route): Record<string, { schema: z.ZodType }> {
  return {
    ...(answer === undefined ? {} : { 'application/json': { schema: answer } }),
    ...(live === undefined ? {} : { [eventStreamType]: { schema: messageSchema(live) } }),
    ...(media === undefined ? {} : { [media]: { schema: z.unknown() } }),
  };
}

/** One server-sent event of those that the stream has. */
function messageSchema(live: NonNullable<Route['live']>): z.ZodType {
  const messages = Object.entries(live).map(([name, data]) =>
    z.object({ id: z.int().optional(), event: name === '*' ? z.string() : z.literal(name), data }),
  );
  return z.union([...messages, z.object({ event: z.literal(endEvent), data: z.object({}) })]);
}
