/** What the streams hold of a task, read message by message through their leader. */

import type { NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import type { Bus } from '@vm-task/bus/bus';
import type { Connection } from '@vm-task/bus/connection';
import { rawOf } from '@vm-task/bus/envelope';
import type { Stored } from '@vm-task/shared/events';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { factsOfLog, isPipelineEvent, logSubjects, pipelineSubject } from '@vm-task/shared/subjects';
import { storedIn } from '@vm-task/testing/stored';

/** Every event that names the task, and the end of each VM that it had, in order; those that cannot be read are left out. */
export async function eventsOf(bus: Bus, task: TaskId, from: number): Promise<Stored[]> {
  const events = await eventsSince(bus, from - 1);
  const named = new Set(events.filter(({ data }) => 'task' in data && data.task === task));
  const vms = new Set([...named].flatMap(({ data }) => ('vm' in data && data.vm !== null ? [data.vm] : [])));
  // One that two tasks had is said to be gone once, for the last of them.
  return events.filter((event) => named.has(event) || (event.type === 'vm.gone' && vms.has(event.data.vm)));
}

/** Every event after that sequence, in order; those that cannot be read are left out. */
export async function eventsSince({ connection }: Bus, since: number): Promise<Stored[]> {
  const events: Stored[] = [];
  for await (const message of messages(connection, 'EVENTS', '>', since + 1)) {
    const event = readable(message);
    if (event !== null) events.push(event);
  }
  return events;
}

/** Every event of the pipeline, and how each of its tasks began, in order. */
export async function eventsOfPipeline(bus: Bus, pipeline: PipelineId): Promise<Stored[]> {
  const created = await bus.connection.jsm.streams.getMessage('EVENTS', {
    last_by_subj: pipelineSubject('pipeline.created', pipeline),
  });
  if (created === null) return [];
  const events = await eventsSince(bus, created.seq - 1);
  return events.filter((event) => pipelineOf(event) === pipeline);
}

function pipelineOf(event: Stored): PipelineId | null {
  if (event.type === 'task.created') return event.data.stage?.pipeline ?? null;
  return isPipelineEvent(event) ? event.data.pipeline : null;
}

function readable(message: StoredMsg): Stored | null {
  try {
    return storedIn(rawOf(message));
  } catch {
    return null;
  }
}

/** `<attempt>/<stream>` → its bytes. @throws where a chunk does not begin where the one before it ended. */
export async function outputOf({ connection }: Bus, task: TaskId): Promise<ReadonlyMap<string, string>> {
  const streams = new Map<string, Buffer>();
  for await (const { subject, header, data } of messages(connection, 'LOGS', logSubjects(task), 1)) {
    const facts = factsOfLog(subject);
    if (facts === null || facts.stream === 'progress') continue;
    const name = `${facts.attempt}/${facts.stream}`;
    const before = streams.get(name) ?? Buffer.alloc(0);
    const offset = Number(header.get('vm-task-offset'));
    if (offset !== before.length) throw new Error(`${name} goes on at byte ${offset} after ${before.length} bytes`);
    streams.set(name, Buffer.concat([before, data]));
  }
  return new Map([...streams].map(([name, bytes]) => [name, bytes.toString('utf8')]));
}

async function* messages(
  { jsm }: Connection,
  stream: string,
  subject: string,
  from: number,
): AsyncGenerator<StoredMsg> {
  for (let seq = from; ; ) {
    const next: NextMsgRequest & { seq: number } = { seq, next_by_subj: subject };
    const message = await jsm.streams.getMessage(stream, next);
    if (message === null) return;
    yield message;
    seq = message.seq + 1;
  }
}
