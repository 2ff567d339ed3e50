/** The routes of the contract, asked: JSON that was looked at, and live answers as iterators. */
import type { Route } from '@vm-task/api/route';
import type { z } from 'zod';
import { resumingStream } from './event-stream.ts';
import { type Read, read } from './read.ts';
import { type QueryValue, type Question, type Reply, type RequestOptions, request } from './request.ts';

export interface Http {
  /**
   * The JSON of a success.
   *
   * @throws as `request`, and `internal` when the answer cannot be read
   */
  ask<A extends z.ZodType>(route: Route & { readonly answer: A }, question?: Question): Promise<Read<z.output<A>>>;
  /**
   * A success that is no JSON.
   *
   * @throws as `request`
   */
  fetch(route: Route, question?: Question): Promise<Reply>;
  /**
   * The server-sent events that the route knows, each once, until the one that ends them.
   *
   * @throws as `ask`; the signal's reason when it is aborted
   */
  follow<L extends Live>(
    route: LiveRoute<L>,
    signal: AbortSignal,
    question?: Question,
  ): AsyncGenerator<Received<L>, void, void>;
}

type Live = Readonly<Record<string, z.ZodType>>;
type LiveRoute<L extends Live> = Omit<Route, 'live'> & { readonly live: L };

/** One server-sent event as it is read. */
export type Received<L extends Live> = {
  [K in keyof L]: { readonly event: K extends '*' ? string : K; readonly data: Read<z.output<L[K]>> };
}[keyof L];

/** What a list may be asked with; the values as they are written in an address. */
export type QueryOf<R extends Route> = R['query'] extends z.ZodType
  ? { readonly [K in keyof z.input<R['query']>]?: QueryValue | undefined }
  : never;

export function createHttp(options: RequestOptions): Http {
  return {
    async ask(route, question = {}) {
      const response = await request(options, route, question);
      return read(route.answer, await response.json(), nameOf(route));
    },
    fetch: (route, question = {}) => request(options, route, question),
    async *follow(route, signal, question = {}) {
      const open = (headers: Readonly<Record<string, string>>) =>
        request(options, route, { ...question, headers, signal });
      for await (const { event = '', data } of resumingStream(open, signal)) {
        const received: Message = { event, data: JSON.parse(data) };
        if (isReceived(route, received)) yield received;
      }
    },
  };
}

interface Message {
  readonly event: string;
  readonly data: unknown;
}

/**
 * False for an event of a later version.
 *
 * @throws `internal` when the event is known and cannot be read
 */
function isReceived<L extends Live>(route: LiveRoute<L>, received: Message): received is Message & Received<L> {
  const live: Live = route.live;
  const schema = live[received.event] ?? live['*'];
  if (schema === undefined) return false;
  read(schema, received.data, `the event ${received.event} of ${nameOf(route)}`);
  return true;
}

function nameOf({ method, path }: Route): string {
  return `the answer to ${method} ${path}`;
}
