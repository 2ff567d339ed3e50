/**
 * Server-sent events of the HTTP API. A stream ends with the event `end`: one that ends without it was broken, and is
 * taken up again behind its last id. The name `*` of a route stands for every name that has no line of its own.
 */
import { z } from 'zod';
import { numberSchema } from './paging.ts';
import type { Route } from './route.ts';

export const eventStreamType = 'text/event-stream';

/** Nothing more will come. */
export const endEvent = 'end';

export const lastEventIdSchema = z.object({
  'last-event-id': numberSchema(0, 0).describe('goes on behind this one'),
});

type Live<R extends Route> = NonNullable<R['live']>;
type Name<K> = K extends '*' ? string : K;

/** One event as it is sent. */
export type Sent<R extends Route> =
  | { readonly event: typeof endEvent; readonly data: object }
  | {
      [K in keyof Live<R>]: {
        /** What a reader gives back as `Last-Event-ID` to go on behind this event. */
        readonly id?: number;
        readonly event: Name<K>;
        readonly data: z.input<Live<R>[K]>;
      };
    }[keyof Live<R>];
