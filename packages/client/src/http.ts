/** Asking intake: the home's address and token, errors as ours, live answers as iterators. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readHttpToken } from '@vm-task/embedded/http-token';
import { readState } from '@vm-task/embedded/state';
import { type ErrorCode, errorCodes, VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';

/** An intake that is started again is back in a second or two, on a busy machine in ten. */
const patienceMs = 20_000;
const pauseMs = 100;

export interface Http {
  /** What may be asked twice (all but `POST`) is asked again while the system that is up starts its intake again. */
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>;
  /** Server-sent events, each once, whatever breaks on the way. */
  stream(path: string, signal: AbortSignal): AsyncGenerator<EventSourceMessage>;
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Where intake listens; null while it does not: an intake that drains takes its address away before it ends. */
export function findHttpUrl(home: Home): string | null {
  try {
    const { url } = JSON.parse(readFileSync(join(home.run, 'http.json'), 'utf8')) as { url: string };
    return url;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** Where intake listens. Thrown: `not-up`. */
export function httpUrl(home: Home): string {
  const url = findHttpUrl(home);
  if (url !== null) return url;
  throw new VmTaskError('not-up', `no system is up on ${home.root}; start it with ./vm-task up --detach`);
}

export function createHttp(home: Home): Http {
  const askOnce = async (method: string, path: string, options: RequestOptions): Promise<Response> => {
    const headers = { authorization: `Bearer ${readHttpToken(home)}`, ...options.headers };
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    const response = await fetch(new URL(path, httpUrl(home)), {
      method,
      headers,
      body,
      signal: options.signal ?? null,
    }).catch((error: Error) => {
      if (options.signal?.aborted === true) throw error;
      throw new VmTaskError('not-up', `intake does not answer at ${httpUrl(home)}; see ./vm-task status`, {
        cause: error,
      });
    });
    if (!response.ok) throw await problemOf(response);
    return response;
  };
  const request = async (method: string, path: string, options: RequestOptions = {}): Promise<Response> => {
    const end = performance.now() + (method === 'POST' ? 0 : patienceMs);
    for (;;) {
      try {
        return await askOnce(method, path, options);
      } catch (error) {
        if (!isComingBack(home, error) || performance.now() > end) throw error;
      }
      await delay(pauseMs, undefined, { signal: options.signal });
    }
  };
  const json = async <T>(method: string, path: string, options?: RequestOptions): Promise<T> =>
    (await (await request(method, path, options)).json()) as T;
  const stream = async function* (path: string, signal: AbortSignal): AsyncGenerator<EventSourceMessage> {
    yield* resumingStream((headers) => request('GET', path, { headers, signal }), signal);
  };
  return { request, json, stream };
}

/** Nobody answers, and there is a supervisor that mends it. */
function isComingBack(home: Home, error: unknown): boolean {
  const phase = readState(home)?.phase ?? 'stopping';
  return error instanceof VmTaskError && error.code === 'not-up' && phase !== 'stopping';
}

/** Server-sent events until the `end` event; a connection that breaks before is taken up behind the last one seen. */
async function* resumingStream(
  open: (headers: Record<string, string>) => Promise<Response>,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage> {
  let lastId: string | null = null;
  for (;;) {
    const resume: Record<string, string> = lastId === null ? {} : { 'last-event-id': lastId };
    const response = await open({ accept: 'text/event-stream', ...resume });
    for await (const message of untilBroken(response, signal)) {
      lastId = message.id ?? lastId;
      yield message;
      if (message.event === 'end') return;
    }
  }
}

/** The response's messages; a broken connection ends them like a closed one. */
async function* untilBroken(response: Response, signal: AbortSignal): AsyncGenerator<EventSourceMessage> {
  try {
    yield* messagesOf(response);
  } catch (error) {
    if (signal.aborted) throw error;
  }
}

async function* messagesOf(response: Response): AsyncGenerator<EventSourceMessage> {
  if (response.body === null) return;
  const text = response.body.pipeThrough(
    new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>,
  );
  yield* text.pipeThrough(new EventSourceParserStream());
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly title?: string;
}

async function problemOf(response: Response): Promise<VmTaskError> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  // The server itself says so while it closes.
  if (response.status === 503 && problem.code === undefined) {
    return new VmTaskError('not-up', 'intake is stopping; see ./vm-task status');
  }
  const code = problem.code !== undefined && problem.code in errorCodes ? (problem.code as ErrorCode) : 'internal';
  return new VmTaskError(code, problem.detail ?? problem.title ?? `HTTP ${response.status}`);
}
