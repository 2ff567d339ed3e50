/** One request by a route of the contract; asked again where that is worth it. Errors are ours. */
import type { Problem } from '@vm-task/api/problem';
import type { Route } from '@vm-task/api/route';
import { type ErrorCode, errorCodes, VmTaskError } from '@vm-task/shared/errors';

/** An intake that is started again is back in a second or two, on a busy machine in ten. */
const patienceMs = 20_000;
const pauseMs = 100;
/** Ten thousand events are read meanwhile. */
const behindPauseMs = 500;

/** Where intake listens, and the token that it asks for. */
export interface Address {
  readonly url: string;
  readonly token: string;
  /** What people are told in place of the URL. */
  readonly shown?: string;
}

export interface RequestOptions {
  /**
   * Asked before each request, so that what has moved is found anew.
   *
   * @throws `not-up` when intake listens nowhere
   */
  readonly address: () => Address | Promise<Address>;
  /** True while somebody starts an intake that does not answer again. */
  readonly isComingBack: () => boolean | Promise<boolean>;
  readonly fetch: Ask;
}

/** What of a `Response` is used. */
export type Reply = Pick<Response, 'ok' | 'status' | 'body' | 'json' | 'text'>;

/** One request, as the global `fetch` makes it. An error of ours is told as it is, `not-up` for who does not answer. */
export type Ask = (
  url: URL,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body: string | null;
    readonly signal: AbortSignal | null;
  },
) => Promise<Reply>;

export type QueryValue = string | number | boolean | readonly string[];

export interface Question {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, QueryValue | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A success. What may be asked twice (all but `POST`) is asked again, for 20 seconds, while intake is coming back, and
 * as long as intake gets on with reading what it does not show yet.
 *
 * @throws the code that intake refuses with; `not-up` when it does not answer
 */
export async function request(options: RequestOptions, route: Route, question: Question): Promise<Reply> {
  let end = performance.now() + patienceMs;
  let behind = Number.POSITIVE_INFINITY;
  const mayAskAgain = async (error: unknown) => {
    if (error instanceof BehindError && error.behind < behind) {
      behind = error.behind;
      end = performance.now() + patienceMs;
    }
    const isPassing = error instanceof BehindError || (isNoAnswer(error) && (await options.isComingBack()));
    return route.method !== 'POST' && isPassing && performance.now() < end;
  };
  for (;;) {
    try {
      return await askOnce(options, route, question);
    } catch (error) {
      if (!(await mayAskAgain(error))) throw error;
    }
    await pause(behind === Number.POSITIVE_INFINITY ? pauseMs : behindPauseMs, question.signal);
  }
}

async function askOnce(options: RequestOptions, route: Route, question: Question): Promise<Reply> {
  const { url, token, shown = url } = await options.address();
  const { body, signal } = question;
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const asked = options.fetch(new URL(addressOf(route, question), url), {
    method: route.method,
    headers: { authorization: `Bearer ${token}`, ...type, ...question.headers },
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
  });
  const response = await asked.catch((cause: unknown) => {
    if (signal?.aborted === true || cause instanceof VmTaskError) throw cause;
    throw new VmTaskError('not-up', `intake does not answer at ${shown}; see ./vm-task status`, { cause });
  });
  if (!response.ok) throw await refusalOf(response);
  return response;
}

/** Path and query. */
function addressOf({ path }: Route, { params = {}, query = {} }: Question): string {
  const filled = path
    .replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
    .replace('*', () => (params['*'] ?? '').split('/').map(encodeURIComponent).join('/'));
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, String(one)]),
  );
  return pairs.length === 0 ? filled : `${filled}?${new URLSearchParams(pairs)}`;
}

/** Intake reads events from before its start, so many more, and what was asked for may be among them. */
class BehindError extends VmTaskError {
  readonly behind: number;

  constructor(message: string, behind: number) {
    super('projection-behind', message);
    this.behind = behind;
  }
}

function isNoAnswer(error: unknown): boolean {
  return error instanceof VmTaskError && error.code === 'not-up';
}

/** What of a problem document is there; of anything else nothing. */
function problemIn(body: unknown): Partial<Problem> {
  const members = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  const isText = (value: unknown) => typeof value === 'string';
  return Object.fromEntries(
    members.filter(([name, value]) => isText(value) || !['code', 'detail', 'title'].includes(name)),
  );
}

async function refusalOf(response: Reply): Promise<VmTaskError> {
  const problem = problemIn(await response.json().catch(() => null));
  // The server itself says so while it closes.
  if (response.status === 503 && problem.code === undefined) {
    return new VmTaskError('not-up', 'intake is stopping; see ./vm-task status');
  }
  const text = problem.detail ?? problem.title ?? `HTTP ${response.status}`;
  const behind = problem['behind'];
  if (problem.code === 'projection-behind' && typeof behind === 'number') return new BehindError(text, behind);
  return new VmTaskError(isErrorCode(problem.code) ? problem.code : 'internal', text);
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const giveUp = () => reject(signal?.reason);
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted === true) giveUp();
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  });
}
