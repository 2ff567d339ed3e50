/**
 * Errors as RFC 9457 problem details with our stable code. What Fastify, the broker or Node throw becomes one of ours
 * here and nowhere else.
 */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import { problemOf, problemType } from '@vm-task/api/problem';
import type { Logger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import { taskMaxBytes } from '@vm-task/shared/task-spec';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** An error with more to say than its sentence: members of the problem details beside the usual ones. */
export class ProblemError extends VmTaskError {
  readonly members: Readonly<Record<string, unknown>>;

  constructor(error: VmTaskError, members: Readonly<Record<string, unknown>>) {
    super(error.code, error.message, { cause: error.cause });
    this.members = members;
  }
}

/** A body that is refused is let run out for so long: who is still sending does not look for an answer. */
const runOutLimitMs = 5_000;

export async function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): Promise<FastifyReply> {
  if (!request.raw.readableEnded) await runOut(request.raw);
  const ours = asOurs(error, request);
  const problem = problemOf(ours);
  const { status, code, detail } = problem;
  if (status >= 500) log.error({ err: error, method: request.method, url: request.url, code }, detail);
  const members = ours instanceof ProblemError ? ours.members : {};
  if (code === 'projection-behind') reply.header('retry-after', 1);
  return reply
    .code(status)
    .type(problemType)
    .send(JSON.stringify({ ...problem, ...members }));
}

/** Names of what the NATS client and aborted waits throw while the broker is away. */
const brokerAway = new Set([
  'AbortError',
  'ClosedConnectionError',
  'ConnectionError',
  'DrainingConnectionError',
  'JetStreamNotEnabled',
  'NoRespondersError',
  'RequestError',
  'TimeoutError',
]);

function asOurs(error: unknown, request: FastifyRequest): unknown {
  if (error instanceof VmTaskError || !(error instanceof Error)) return error;
  if (brokerAway.has(error.name)) return brokerUnreachable(error);
  const { code = '', statusCode = 500 } = error as { code?: string; statusCode?: number };
  const cause = { cause: error };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new VmTaskError('payload-too-large', tooLarge(request), cause);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new VmTaskError('unsupported-media-type', unsupported(request), cause);
    default:
      return statusCode < 500 ? new VmTaskError('invalid-request', error.message, cause) : error;
  }
}

function brokerUnreachable(cause: Error): VmTaskError {
  const message =
    'NATS did not answer in time; whether the request was carried out is not known. Repeat it, a submission with its Idempotency-Key';
  return new VmTaskError('broker-unreachable', message, { cause });
}

function tooLarge(request: FastifyRequest): string {
  const declared = request.headers['content-length'];
  const size = declared === undefined ? `more than ${taskMaxBytes}` : declared;
  return `the body has ${size} bytes and may have ${taskMaxBytes}; hand large data over in the image, by git or as a file`;
}

function unsupported(request: FastifyRequest): string {
  const given = JSON.stringify(request.headers['content-type'] ?? '');
  return `a body of type ${given} is not understood; send application/json or application/yaml`;
}

async function runOut(body: IncomingMessage): Promise<void> {
  const signal = AbortSignal.timeout(runOutLimitMs);
  body.resume();
  await finished(body, { signal }).catch(() => undefined);
}
