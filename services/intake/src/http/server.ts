/** The bare server, and what its routes are given. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Bus } from '@vm-task/bus/bus';
import type { Expressions } from '@vm-task/pipelines/expressions/fill';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import { taskMaxBytes } from '@vm-task/shared/task-spec';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { type FastifyInstance, type FastifySchemaCompiler, fastify } from 'fastify';
import type { z } from 'zod';
import type { Acceptance } from '../accept-task.ts';
import type { AuditTrail } from '../people/audit-trail.ts';
import type { GuessLimit } from '../people/guess-limit.ts';
import type { TokenBook } from '../people/token-book.ts';
import type { PipelineAcceptance } from '../pipelines/accept-pipeline.ts';
import type { Projection } from '../projection/projection.ts';
import type { Quotas } from '../quotas.ts';
import { answerClientError } from './client-error.ts';
import { readBodies } from './read-body.ts';
import type { Identity } from './tls.ts';

export interface HttpDeps extends Acceptance, PipelineAcceptance {
  readonly bus: Bus;
  readonly config: SystemConfig;
  readonly projection: Projection;
  readonly expressions: Expressions;
  /** The home's own. */
  readonly token: string;
  readonly tokens: TokenBook;
  readonly quotas: Quotas;
  readonly guesses: GuessLimit;
  readonly audit: AuditTrail;
  /** Null where the address is listened at without TLS. */
  readonly identity: Identity | null;
  readonly log: Logger;
  /** Aborted at the drain: live streams end, so that their readers go on elsewhere. */
  readonly stop: AbortSignal;
}

export type App = FastifyInstance;

/** A request that has not come to its end by then, with a body of 4 MiB, is nobody's who waits for an answer. */
const requestMs = 60_000;

/** Bodies are JSON or YAML; what a schema refuses is answered with the sentences that task files get. */
export function createServer(): App {
  const app = fastify({
    bodyLimit: taskMaxBytes,
    requestTimeout: requestMs,
    genReqId: () => randomUUID(),
    forceCloseConnections: true,
    clientErrorHandler: answerClientError,
    // Whoever names no host is told so as whoever names a wrong one.
    http: { requireHostHeader: false },
  });
  answerBeforeClosing(app);
  readBodies(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify);
  return app;
}

/** A connection alone is nobody's request: it may be kept for later, or have said nothing yet, and is simply closed. */
function answerBeforeClosing(app: FastifyInstance): void {
  const inFlight = new Set<ServerResponse>();
  app.addHook('onRequest', async (_request, { raw }) => {
    inFlight.add(raw);
    raw.once('close', () => inFlight.delete(raw));
  });
  app.addHook('preClose', async () => {
    await Promise.all(Array.from(inFlight, (response) => once(response, 'close')));
  });
}

/** Gives `invalid-request`; a body is left to its route, which has more to say about it than its schema. */
const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (value) => {
    if (httpPart === 'body') return { value };
    const parsed = schema.safeParse(value);
    if (parsed.success) return { value: parsed.data };
    const message = `${httpPart ?? 'request'}: ${explainIssues(parsed.error, schema)}`;
    return { error: new VmTaskError('invalid-request', message) };
  };
