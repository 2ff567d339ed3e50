/** `GET /v1/tasks/:id/logs`: a task's output as server-sent events, byte for byte, live until everything was sent. */
import type { Sent } from '@vm-task/api/live';
import { taskOutputRoutes } from '@vm-task/api/task-output';
import type { Connection } from '@vm-task/bus/connection';
import { followLog, type LogChunk, lastLogSeq, type ProgressEntry } from '@vm-task/bus/output-log';
import type { TaskId } from '@vm-task/shared/ids';
import type { Projection } from '../projection/projection.ts';
import { isOver } from '../projection/task-events.ts';
import { findTask } from './find-task.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';
import { endMessage, sendMessages } from './sse.ts';

const route = taskOutputRoutes.logs;
type Message = Sent<typeof route>;

export function taskLogsRoute(app: App, { bus, projection, stop }: HttpDeps): void {
  serve(app, route, async (request, reply) => {
    const { id } = await findTask(projection, request.params.id, reply);
    const after = request.headers['last-event-id'];
    const last = (signal: AbortSignal) =>
      request.query.follow ? lastSeqOnceOver(bus.connection, projection, id, signal) : lastLogSeq(bus.connection, id);
    return sendMessages(reply, stop, (signal) => output(bus.connection, id, after, last, signal));
  });
}

/** The last chunk of a task that has ended: its runner stored everything before it said so. */
async function lastSeqOnceOver(
  connection: Connection,
  projection: Projection,
  task: TaskId,
  signal: AbortSignal,
): Promise<number> {
  const changes = projection.changesOf(task, signal);
  while (!isOver(projection.db, task)) {
    if ((await changes.next()).done) return Number.POSITIVE_INFINITY;
  }
  return lastLogSeq(connection, task);
}

async function* output(
  connection: Connection,
  task: TaskId,
  after: number,
  lastSeq: (signal: AbortSignal) => Promise<number>,
  signal: AbortSignal,
): AsyncGenerator<Message, void, void> {
  const finished = new AbortController();
  const reading = AbortSignal.any([signal, finished.signal]);
  let sent = after;
  let last = Number.POSITIVE_INFINITY;
  const ending = lastSeq(reading).then((seq) => {
    last = seq;
    if (sent >= last) finished.abort();
  });
  // Whatever goes wrong ends the reading, and is thrown below.
  ending.catch(() => finished.abort());
  for await (const chunk of followLog(connection, task, after + 1, reading)) {
    if (chunk.attempt !== null) yield messageOf(chunk);
    sent = chunk.seq;
    if (sent >= last) break;
  }
  if (signal.aborted) return;
  await ending;
  yield endMessage;
}

function messageOf(entry: LogChunk | ProgressEntry): Message {
  const { seq, attempt } = entry;
  if ('progress' in entry) return { id: seq, event: 'progress', data: { attempt, ...entry.progress } };
  const { stream, offset, bytes } = entry;
  return { id: seq, event: 'output', data: { attempt, stream, offset, data: Buffer.from(bytes).toString('base64') } };
}
