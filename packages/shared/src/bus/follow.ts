/** Reading a stream from any point without acknowledging: projections, deadlines, live output. */

import { setTimeout as delay } from 'node:timers/promises';
import { DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { Connection } from './connection.ts';
import type { RawMessage } from './envelope.ts';

export interface FollowOptions {
  readonly stream: string;
  readonly filters: readonly string[];
  /** The first sequence wanted; 1 is the beginning, `new` only what comes from now on. */
  readonly from: number | 'new';
  readonly signal: AbortSignal;
}

export interface Followed {
  readonly message: RawMessage;
  /** Messages of these filters that the stream still has behind this one. */
  readonly pending: number;
}

const pauseMs = 500;

/**
 * Every message once and in order, then the next as they come, until `signal`. Survives restarts of the broker: it goes
 * on behind the last message that was taken.
 */
export async function* follow({ js }: Connection, options: FollowOptions): AsyncGenerator<Followed, void, void> {
  let next: number | 'new' = options.from;
  while (!options.signal.aborted) {
    try {
      const start = next === 'new' ? { deliver_policy: DeliverPolicy.New } : { opt_start_seq: next };
      const consumer = await js.consumers.get(options.stream, { filter_subjects: [...options.filters], ...start });
      const messages = await consumer.consume();
      const stop = () => messages.stop();
      options.signal.addEventListener('abort', stop, { once: true });
      // It may have come while the consumer was made, before anybody listened.
      if (options.signal.aborted) stop();
      try {
        for await (const message of messages) {
          yield { message: rawOfFollowed(message), pending: message.info.pending };
          next = message.seq + 1;
        }
      } finally {
        options.signal.removeEventListener('abort', stop);
        messages.stop();
      }
    } catch (error) {
      if (options.signal.aborted) return;
      if (isPermanent(error)) throw error;
      await delay(pauseMs, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}

/** A right that is missing will not come by waiting. */
function isPermanent(error: unknown): boolean {
  return error instanceof Error && error.name === 'PermissionViolationError';
}

function rawOfFollowed(message: JsMsg): RawMessage {
  return {
    seq: message.seq,
    subject: message.subject,
    time: message.time,
    headers: message.headers,
    data: message.data,
  };
}
