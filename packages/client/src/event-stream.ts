/** Server-sent events until the one that ends them, each once, whatever breaks on the way. */
import { endEvent, eventStreamType } from '@vm-task/api/live';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Reply } from './request.ts';

/** `open` is given the headers to ask with. A connection that breaks is taken up behind the last event that was seen. */
export async function* resumingStream(
  open: (headers: Readonly<Record<string, string>>) => Promise<Reply>,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage, void, void> {
  let lastId: string | null = null;
  for (;;) {
    const resume: Record<string, string> = lastId === null ? {} : { 'last-event-id': lastId };
    const response = await open({ accept: eventStreamType, ...resume });
    for await (const message of untilBroken(response, signal)) {
      if (message.event === endEvent) return;
      lastId = message.id ?? lastId;
      yield message;
    }
  }
}

/** The response's messages; a broken connection ends them like a closed one. */
async function* untilBroken(response: Reply, signal: AbortSignal): AsyncGenerator<EventSourceMessage, void, void> {
  try {
    yield* messagesOf(response);
  } catch (error) {
    if (signal.aborted) throw error;
  }
}

async function* messagesOf({ body }: Reply): AsyncGenerator<EventSourceMessage, void, void> {
  if (body === null) return;
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    await reader.cancel();
  }
}
