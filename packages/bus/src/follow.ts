/** Reading a stream from any point without acknowledging: projections, deadlines, live output. */

import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerMessages } from '@nats-io/jetstream';
import { everything } from '@vm-task/shared/subjects';
import { throwIfNonRetryable } from './answers.ts';
import type { Connection } from './connection.ts';
import { type RawMessage, rawOfDelivery } from './envelope.ts';

export interface FollowOptions {
  readonly stream: string;
  /** `>`: everything. */
  readonly filter: string;
  /** The first sequence wanted; 1 is the beginning, `new` only what comes from now on. */
  readonly from: number | 'new';
  readonly signal: AbortSignal;
}

export interface Followed {
  readonly message: RawMessage;
  /** Messages of this filter that the stream had behind this one when it was sent. */
  readonly pending: number;
}

/** Between two tries while the broker is away. */
const pauseMs = 500;
/** The client asks for messages again after so long, and the broker sends a heartbeat in each half of it. */
const expiresMs = 10_000;
const heartbeatMs = expiresMs / 2;
/** Two heartbeats are missing. So a reader whose place the broker has lost is deaf for 15 s at most. */
const silenceMs = 2 * heartbeatMs;

/**
 * Every message once and in order, then the next as they come, until `signal`. Survives restarts of the broker: it goes
 * on behind the last message that was taken. @throws what waiting cannot heal.
 */
export async function* follow(connection: Connection, options: FollowOptions): AsyncGenerator<Followed, void, void> {
  let next = options.from === 'new' ? null : options.from;
  while (!options.signal.aborted) {
    try {
      next ??= (await connection.jsm.streams.info(options.stream)).state.last_seq + 1;
      for await (const followed of readFrom(connection, options, next)) {
        yield followed;
        next = followed.message.seq + 1;
      }
    } catch (error) {
      if (options.signal.aborted) return;
      throwIfNonRetryable(error);
      await delay(pauseMs, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}

async function* readFrom(
  { js }: Connection,
  { stream, filter, signal }: FollowOptions,
  from: number,
): AsyncGenerator<Followed, void, void> {
  const filtered = filter === everything ? {} : { filter_subjects: [filter] };
  const consumer = await js.consumers.get(stream, { ...filtered, opt_start_seq: from });
  const messages = await consumer.consume({ expires: expiresMs });
  const stop = () => messages.stop();
  using watch = watchOver(messages, stop);
  signal.addEventListener('abort', stop, { once: true });
  // It may have come while the consumer was made, before anybody listened.
  if (signal.aborted) stop();
  try {
    for await (const message of messages) {
      watch.heard();
      yield { message: rawOfDelivery(message), pending: message.info.pending };
    }
  } finally {
    signal.removeEventListener('abort', stop);
    messages.stop();
    // The broker would keep it for minutes; where it cannot be told, it does.
    consumer.delete().catch(() => undefined);
  }
}

interface Watch extends Disposable {
  heard(): void;
}

/** The client has a watch of its own, which goes by the wall clock: that may be set back by an hour. */
function watchOver(messages: ConsumerMessages, onSilence: () => void): Watch {
  let heardAt = performance.now();
  const heard = () => {
    heardAt = performance.now();
  };
  const listen = async () => {
    for await (const { type } of messages.status()) if (type === 'heartbeat') heard();
  };
  void listen();
  const look = () => {
    if (performance.now() - heardAt > silenceMs) onSilence();
  };
  const timer = setInterval(look, heartbeatMs);
  return { heard, [Symbol.dispose]: () => clearInterval(timer) };
}
