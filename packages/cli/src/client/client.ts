/** The HTTP API as the command line uses it: one function per question, errors as ours, live output as iterators. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, errorCodes, VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { readHttpToken } from '../system/http-token.ts';
import type { DeadLetterPage, DeadLetterView, EventLine, LogLine, Page, PoolView, TaskView } from './views.ts';

export interface Client {
  submit(task: unknown, idempotencyKey?: string): Promise<string>;
  show(id: string): Promise<TaskView>;
  list(query: Readonly<Record<string, string>>): Promise<Page>;
  events(id: string): Promise<{ events: EventLine[] }>;
  cancel(id: string): Promise<void>;
  /** The id of the new task. */
  retry(id: string): Promise<string>;
  deadLetters(query: Readonly<Record<string, string>>): Promise<DeadLetterPage>;
  deadLetter(seq: string): Promise<DeadLetterView>;
  replayDeadLetter(seq: string): Promise<void>;
  dropDeadLetter(seq: string): Promise<void>;
  pools(): Promise<{ pools: PoolView[] }>;
  /** The task's output, byte for byte and in order, from the first byte; ends when the task is over and all was given. */
  followLogs(id: string, options: { readonly follow: boolean; readonly signal: AbortSignal }): AsyncGenerator<LogLine>;
  /** The task's events as they come; ends with the terminal one. */
  followEvents(id: string, signal: AbortSignal): AsyncGenerator<EventLine>;
}

/** Where intake listens. Thrown: `not-up`. */
export function httpUrl(home: Home): string {
  try {
    const { url } = JSON.parse(readFileSync(join(home.run, 'http.json'), 'utf8')) as { url: string };
    return url;
  } catch (error) {
    throw new VmTaskError('not-up', `no system is up on ${home.root}; start it with ./vm-task up --detach`, {
      cause: error,
    });
  }
}

export function createClient(home: Home): Client {
  const request = async (method: string, path: string, options: RequestOptions = {}): Promise<Response> => {
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
  const json = async <T>(method: string, path: string, options?: RequestOptions): Promise<T> =>
    (await (await request(method, path, options)).json()) as T;
  const stream = async function* (path: string, signal: AbortSignal): AsyncGenerator<EventSourceMessage> {
    yield* resumingStream((headers) => request('GET', path, { headers, signal }), signal);
  };
  return {
    async submit(task, idempotencyKey) {
      const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
      const headers = { 'content-type': 'application/json', ...key };
      return (await json<{ id: string }>('POST', '/v1/tasks', { body: task, headers })).id;
    },
    show: (id) => json('GET', `/v1/tasks/${encodeURIComponent(id)}`),
    list: (query) => json('GET', `/v1/tasks?${new URLSearchParams(query)}`),
    events: (id) => json('GET', `/v1/tasks/${encodeURIComponent(id)}/events`),
    async cancel(id) {
      await request('DELETE', `/v1/tasks/${encodeURIComponent(id)}`);
    },
    retry: async (id) => (await json<{ id: string }>('POST', `/v1/tasks/${encodeURIComponent(id)}/retry`)).id,
    deadLetters: (query) => json('GET', `/v1/deadletters?${new URLSearchParams(query)}`),
    deadLetter: (seq) => json('GET', letterPath(seq)),
    replayDeadLetter: async (seq) => void (await request('POST', `${letterPath(seq)}/replay`)),
    dropDeadLetter: async (seq) => void (await request('DELETE', letterPath(seq))),
    pools: () => json('GET', '/v1/pools'),
    async *followLogs(id, { follow, signal }) {
      const path = `/v1/tasks/${encodeURIComponent(id)}/logs?follow=${follow}`;
      for await (const message of stream(path, signal)) {
        if (message.event === 'output') yield JSON.parse(message.data) as LogLine;
      }
    },
    async *followEvents(id, signal) {
      for await (const message of stream(`/v1/tasks/${encodeURIComponent(id)}/events`, signal)) {
        if (message.event !== 'end') yield JSON.parse(message.data) as EventLine;
      }
    },
  };
}

const letterPath = (seq: string): string => `/v1/deadletters/${encodeURIComponent(seq)}`;

interface RequestOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
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
  const code = problem.code !== undefined && problem.code in errorCodes ? (problem.code as ErrorCode) : 'internal';
  return new VmTaskError(code, problem.detail ?? problem.title ?? `HTTP ${response.status}`);
}
