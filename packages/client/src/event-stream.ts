/** Server-sent events until the one that ends them, each once, whatever breaks on the way. */
import { endEvent, eventStreamType } from '@vm-task/api/live';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';

/** `open` is given the headers to ask with. A connection that breaks is taken up behind the last event that was seen. */
export async function* resumingStream(
  open: (headers: Readonly<Record<string, string>>) => Promise<Response>,
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
async function* untilBroken(response: Response, signal: AbortSignal): AsyncGenerator<EventSourceMessage, void, void> {
  try {
    yield* messagesOf(response);
  } catch (error) {
    if (signal.aborted) throw error;
  }
}

async function* messagesOf({ body }: Response): AsyncGenerator<EventSourceMessage, void, void> {
  if (body === null) return;
  const reader = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
