/** `GET /v1/tasks/:id/events`: a task's events as JSON, or live until it is over. */
import type { Sent } from '@vm-task/api/live';
import { type EventView, taskOutputRoutes } from '@vm-task/api/task-output';
import type { Bus } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import type { Projection } from '../projection/projection.ts';
import { readTaskEvents } from '../projection/task-events.ts';
import { findTask } from './find-task.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';
import { endMessage, sendMessages, wantsEventStream } from './sse.ts';

const route = taskOutputRoutes.events;

export function taskEventsRoute(app: App, { bus, projection, stop }: HttpDeps): void {
  serve(app, route, async (request, reply) => {
    const { id } = await findTask(projection, request.params.id, reply);
    const after = request.headers['last-event-id'];
    if (wantsEventStream(request.raw)) {
      return sendMessages(reply, stop, (signal) => liveEvents(bus, projection, id, after, signal));
    }
    const events: EventView[] = [];
    for await (const event of readEvents(bus, readTaskEvents(projection.db, id, after).seqs)) events.push(event);
    return { events };
  });
}

async function* liveEvents(
  bus: Bus,
  projection: Projection,
  task: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Sent<typeof route>, void, void> {
  // Listened for before the first look, so that nothing falls between.
  const changes = projection.changesOf(task, signal);
  let sent = after;
  do {
    const { seqs, over } = readTaskEvents(projection.db, task, sent);
    for await (const event of readEvents(bus, seqs)) {
      yield { id: event.seq, event: event.type, data: event };
      sent = event.seq;
    }
    if (over) return yield endMessage;
  } while (!(await changes.next()).done);
}

/** The events of these sequences that the stream still has. */
async function* readEvents(bus: Bus, seqs: readonly number[]): AsyncGenerator<EventView, void, void> {
  for (const seq of seqs) {
    const message = await bus.messageAt(seq);
    if (message !== null) yield viewOf(message);
  }
}

/** As it is stored: one that this version cannot read is shown all the same. */
function viewOf({ seq, time, subject, headers, data }: RawMessage): EventView {
  return { seq, type: headers?.get('ce-type') ?? '', time: time.toISOString(), subject, data: objectIn(data) };
}

function objectIn(data: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch {
    return {};
  }
}
