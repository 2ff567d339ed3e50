/** What a route of the HTTP API is: intake serves it and the client asks it by one and the same declaration. */
import type { TokenRole } from '@vm-task/shared/token-roles';
import type { z } from 'zod';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `:name` stands for a part of the path, `*` at the end for all of the rest. */
  readonly path: string;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** JSON or YAML. */
  readonly body?: z.ZodType;
  /** Of a success. */
  readonly status: 200 | 201 | 202;
  /** The JSON of a success. */
  readonly answer?: z.ZodType;
  /** What is given live: the data of each server-sent event, by the event's name. See `live.ts`. */
  readonly live?: Readonly<Record<string, z.ZodType>>;
  /** The media type of a success that is neither JSON nor live. */
  readonly media?: string;
  /** Statuses of the problem documents that answer this very question; 401, 403, 421, 429, 500 and 503 may answer any. */
  readonly refusals?: readonly number[];
  /** The least role that a token needs for it; `anyone` needs none. */
  readonly role: TokenRole | 'anyone';
  /** A submitter may ask it about what the same token has submitted; operators about whatever they see. */
  readonly own?: true;
  /** It is about the whole home, so a token of a team may not ask it. */
  readonly homeWide?: true;
}

type Output<T> = T extends z.ZodType ? z.output<T> : unknown;

/** What whoever serves the route is asked. A body is as it came: its route has more to say about it than its schema. */
export interface Asked<R extends Route> {
  Params: Output<R['params']>;
  Querystring: Output<R['query']>;
  Headers: Output<R['headers']>;
  Body: unknown;
}

/** What whoever serves the route answers. */
export type Answer<R extends Route> = R['answer'] extends z.ZodType ? z.input<R['answer']> : never;
