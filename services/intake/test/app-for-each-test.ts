/** The HTTP API over events in memory, anew for each test of the file that asks for it. */
import type { LightMyRequestResponse } from 'fastify';
import { afterEach, beforeEach } from 'vitest';
import type { App } from '../src/http/server.ts';
import { openDatabase } from '../src/projection/open-database.ts';
import { createProjection, type Projection } from '../src/projection/projection.ts';
import { appOf } from './app-by-hand.ts';
import { type MemoryEvents, memoryEvents } from './memory-events.ts';
import { config } from './task-events.ts';

export const authorization = 'Bearer right';

interface Parts {
  readonly events: MemoryEvents;
  readonly projection: Projection;
  readonly app: App;
}

/** Of the test that runs. */
export interface Api extends Parts {
  /** The projection has read all that is stored. */
  show(): void;
  get(url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
}

export function apiForEachTest(): Api {
  let now: Parts | null = null;
  const parts = (): Parts => {
    if (now === null) throw new Error('there is an API within a test only');
    return now;
  };
  beforeEach(async () => {
    const events = memoryEvents();
    const projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 0 }));
    now = { events, projection, app: await appOf({ config, events, projection }) };
  });
  afterEach(async () => {
    const { app, projection } = parts();
    now = null;
    await app.close();
    projection[Symbol.dispose]();
  });
  return {
    get events() {
      return parts().events;
    },
    get projection() {
      return parts().projection;
    },
    get app() {
      return parts().app;
    },
    show() {
      const { events, projection } = parts();
      projection.advance(events.stored.map((event) => ({ seq: event.seq, event })));
    },
    get: (url, headers = { authorization }) => parts().app.inject({ method: 'GET', url, headers }),
  };
}
