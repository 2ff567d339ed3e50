/** The HTTP API over events in memory. */
import type { Bus } from '@vm-task/bus/bus';
import { expressionsHere } from '@vm-task/pipelines/expressions/fill';
import type { SystemConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { createApp } from '../src/http/app.ts';
import type { App } from '../src/http/server.ts';
import { createGuessLimit } from '../src/people/guess-limit.ts';
import type { TokenBook } from '../src/people/token-book.ts';
import type { Projection } from '../src/projection/projection.ts';
import { createQuotas } from '../src/quotas.ts';
import type { MemoryEvents } from './memory-events.ts';

export interface Parts {
  readonly config: SystemConfig;
  readonly events: MemoryEvents;
  readonly projection: Projection;
  readonly tokens?: TokenBook;
}

const noTokens: TokenBook = { find: () => ({ kind: 'unknown' }), records: [], refresh: async () => undefined };

/** Its token is `right`; others are in the book. */
export function appOf({ config, events, projection, tokens = noTokens }: Parts): Promise<App> {
  return createApp({
    config,
    bus: events as unknown as Bus,
    admission: { requireRoom: async () => undefined },
    quotas: createQuotas({ teams: config.teams, projection, nowMs: Date.now }),
    findCreated: events.findCreated,
    expressions: expressionsHere,
    keys: { find: async () => null, claim: async (_key, wanted) => wanted },
    readPipeline: async () => null,
    now: Date.now,
    projection,
    token: 'right',
    tokens,
    guesses: createGuessLimit(() => 0),
    audit: { act: async () => undefined, refusal: async () => undefined, guess: async () => undefined },
    identity: null,
    log: silentLogger,
    stop: new AbortController().signal,
  });
}
