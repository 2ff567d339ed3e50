/** The server of one task: bodies come as bytes, and errors are problem details, as in the API outside. */

import { problemOf, problemType } from '@vm-task/api/problem';
import { VmTaskError } from '@vm-task/shared/errors';
import { fastify } from 'fastify';
import { alertRoute } from './alerts.ts';
import { childRoutes } from './children.ts';
import { completeRoute } from './complete.ts';
import type { GuestApiDeps, GuestApiServer } from './deps.ts';
import { messageRoutes } from './messages.ts';
import { Pace } from './pace.ts';
import { progressRoute } from './progress.ts';
import { taskRoutes } from './tell-task.ts';

/** Of any request; a result, the largest but for task files, may have 256 KiB. */
const bodyMaxBytes = 512 * 1024;
/** A client that is slower holds a connection that another one needs. */
const requestMs = 60_000;
/** Whoever sends a thousand without waiting for an answer is told to come again. */
const maxRequestsPerSocket = 1_000;

export async function createApp(deps: GuestApiDeps): Promise<GuestApiServer> {
  const app = fastify({
    bodyLimit: bodyMaxBytes,
    requestTimeout: requestMs,
    maxRequestsPerSocket,
    forceCloseConnections: true,
  });
  const pace = new Pace();
  app.addHook('onRequest', () => pace.pass());
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => body);
  app.setErrorHandler((error, request, reply) => {
    const ours = asOurs(error);
    const problem = problemOf(ours);
    if (problem.status >= 500) deps.log.error({ err: error, url: request.url, code: problem.code }, problem.detail);
    return reply.code(problem.status).type(problemType).send(JSON.stringify(problem));
  });
  app.setNotFoundHandler((request) => {
    throw new VmTaskError('not-found', `there is no ${request.method} ${request.url}; see vm-task --help`);
  });
  taskRoutes(app, deps);
  progressRoute(app, deps);
  completeRoute(app, deps);
  alertRoute(app, deps);
  messageRoutes(app, deps);
  childRoutes(app, deps);
  await app.ready();
  return app;
}

/** What the broker's client throws is no word for a guest: it may ask again. */
function asOurs(error: unknown): unknown {
  if (error instanceof VmTaskError || !(error instanceof Error)) return error;
  const { code = '', statusCode = 500 } = error as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new VmTaskError('payload-too-large', `the body may have ${bodyMaxBytes} bytes`, { cause: error });
  if (statusCode < 500) return new VmTaskError('invalid-request', error.message, { cause: error });
  return new VmTaskError('not-ready', 'that could not be done now; repeat it with its Idempotency-Key', {
    cause: error,
  });
}
