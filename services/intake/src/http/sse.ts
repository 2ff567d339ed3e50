/** Server-sent events: a stream of messages to one reader, at its speed, until the source ends or the reader goes. */
import type { IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { endEvent, eventStreamType } from '@vm-task/api/live';
import type { FastifyReply } from 'fastify';
import { askerOf } from './guard.ts';

interface SseMessage {
  readonly id?: number;
  readonly event: string;
  readonly data: unknown;
}

/** The last one of a stream. */
export const endMessage = { event: endEvent, data: {} } as const;

/** So that proxies keep a silent stream, and a reader that vanished is noticed. */
const heartbeatMs = 15_000;

/** True when the reader asks for a stream. */
export function wantsEventStream({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes(eventStreamType) === true;
}

/** Streams what `source` yields. Its signal is aborted when the reader goes, its token is over or the service stops. */
export function sendMessages(
  reply: FastifyReply,
  stop: AbortSignal,
  source: (signal: AbortSignal) => AsyncIterable<SseMessage>,
): FastifyReply {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, stop, askerOf(reply.request).over]);
  const out = new PassThrough();
  const beat = () => out.write(': waiting\n\n');
  // The first one carries the headers, so that the reader knows that it is heard.
  beat();
  const heartbeat = setInterval(beat, heartbeatMs);
  pipeline(Readable.from(frames(source(signal))), out)
    // The reader sees the broken stream, and asks again from its last message.
    .catch((error) => out.destroy(error))
    .finally(() => clearInterval(heartbeat));
  return reply.type(eventStreamType).header('cache-control', 'no-store').send(out);
}

async function* frames(messages: AsyncIterable<SseMessage>): AsyncGenerator<string, void, void> {
  for await (const message of messages) yield frame(message);
}

/** JSON has no line breaks, so one data line is always enough. */
export function frame({ id, event, data }: SseMessage): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
