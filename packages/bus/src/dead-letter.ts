/** What no handler could take: stored with the reason, its task ended, people told. */

import { attemptAt } from '@vm-task/shared/attempt-at';
import type { EventData, Stored } from '@vm-task/shared/events';
import { isTaskId } from '@vm-task/shared/ids';
import { noChanges } from '@vm-task/shared/pipelines/events';
import {
  deadSubject,
  pipelineOfSubject,
  pipelineSubject,
  type SpineKey,
  spineOfRetryDue,
  subjectMatches,
} from '@vm-task/shared/subjects';
import type { Logger } from 'pino';
import type { Bus } from './bus.ts';
import type { DeadLetter, Letter } from './dead-letters.ts';
import { type RawMessage, unseal } from './envelope.ts';
import type { EventLog } from './event-log.ts';
import type { Delivery, WorkerDefinition } from './work.ts';

/** A larger original stays in its stream only: in base64 it would be more than the broker takes. */
const copiedMaxBytes = 4 * 1024 * 1024;
/** Reasons can quote what they complain about. */
const reasonMaxLength = 2_000;

/**
 * Stores the letter, ends the task, tells people; each step may be repeated. `replayed`: the letter that this one takes
 * the place of.
 */
export async function bury(
  bus: EventLog,
  worker: WorkerDefinition,
  { message, signal }: Delivery,
  fullReason: string,
  log: Logger,
  replayed: DeadLetter | null = null,
): Promise<void> {
  const reason = fullReason.slice(0, reasonMaxLength);
  const subject = deadSubject(worker.name, worker.stream, message.seq);
  const letter: Letter = {
    consumer: worker.name,
    reason,
    subject: message.subject,
    stream: worker.stream,
    seq: message.seq,
    time: message.time.toISOString(),
    headers: Object.fromEntries((message.headers?.keys() ?? []).map((key) => [key, message.headers?.get(key) ?? ''])),
    traceparent: message.headers?.get('traceparent') || null,
    data: message.data.length > copiedMaxBytes ? null : Buffer.from(message.data).toString('base64'),
  };
  const msgID = replayed === null ? subject : `${subject}/${replayed.seq}`;
  await bus.connection.js.publish(subject, JSON.stringify(letter), { msgID });
  log.error({ reason, subject: message.subject, seq: message.seq }, 'stored as a dead letter');
  await endTaskOf(bus, worker, message, reason, signal);
  await endPipelineOf(bus, worker, message, reason, signal);
  if (isGivenAlerts(worker)) return;
  const id = `${worker.stream.toLowerCase()}-${message.seq}`;
  const text = `${worker.name} cannot handle message ${message.seq} of ${worker.stream}: ${reason}`;
  const data = { v: 1 as const, severity: 'warning' as const, kind: 'dead-letter', id, text };
  await bus.announce({ type: 'alert.raised', data }, signal);
}

export async function raiseRetryAlert(
  bus: EventLog,
  worker: WorkerDefinition,
  { message, signal }: Delivery,
  reason: string,
): Promise<void> {
  if (isGivenAlerts(worker)) return;
  const why = reason.slice(0, reasonMaxLength);
  const text = `${worker.name} failed five times on message ${message.seq} (${message.subject}) and goes on trying: ${why}`;
  const data = { v: 1 as const, severity: 'warning' as const, kind: 'handler-failing', id: `${message.seq}`, text };
  await bus.announce({ type: 'alert.raised', data }, signal);
}

/** An alert that says that an alert cannot be handled would come back to the same worker, without end. */
function isGivenAlerts({ filters }: WorkerDefinition): boolean {
  return filters.some((filter) => subjectMatches(filter, 'alert.raised.warning.dead-letter.any'));
}

/** The task whose message cannot be handled has failed, unless it has moved on or has ended (I2). */
async function endTaskOf(
  bus: EventLog,
  { stream }: WorkerDefinition,
  message: RawMessage,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const stuck = stream === 'TIMERS' ? await retryingOf(bus, message) : eventOf(message);
  // An unreadable end *is* the end: its sequence is the spine's last, so the broker would take another one behind it.
  if (stuck === null || stuck.type === 'task.completed') return;
  const failed: EventData<'task.completed'> = {
    v: 1,
    ...stuck.spine,
    attempt: stuck.attempt,
    vm: stuck.vm,
    outcome: 'failed',
    exitCode: null,
    signal: null,
    result: null,
    error: { code: 'unreadable-event', message: reason },
    output: null,
    artifacts: [],
    processMs: null,
  };
  await bus.append({ type: 'task.completed', data: failed }, stuck.seq, signal);
}

/** As with tasks: the pipeline whose event cannot be handled has failed. Its live tasks go on to their own ends. */
async function endPipelineOf(
  bus: EventLog,
  { stream }: WorkerDefinition,
  { subject, seq }: RawMessage,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const pipeline = stream === 'EVENTS' ? pipelineOfSubject(subject) : null;
  if (pipeline === null || subject === pipelineSubject('pipeline.completed', pipeline)) return;
  const error = { code: 'unreadable-event' as const, message: reason };
  const data = { v: 1 as const, pipeline, ...noChanges, start: [], outcome: 'failed' as const, error };
  await bus.append({ type: 'pipeline.completed', data }, seq, signal);
}

/** The event that a task cannot get past. */
interface Stuck extends Pick<EventData<'task.completed'>, 'attempt' | 'vm'> {
  readonly type: string;
  readonly seq: number;
  readonly spine: SpineKey;
}

/** Of an event's own message; its attempt and the VM that the ending releases, where it can be read. */
function eventOf(message: RawMessage): Stuck | null {
  const [about, what, pool, task, ...more] = message.subject.split('.');
  if (pool === undefined || task === undefined || !isTaskId(task) || more.length > 0) return null;
  const place = { type: `${about}.${what}`, seq: message.seq, spine: { pool, task } };
  try {
    return { ...place, ...attemptOf(unseal(message)) };
  } catch {
    return { ...place, attempt: 1, vm: null };
  }
}

/** A timer is in another stream: the task still waits for it only when its head says so. */
async function retryingOf(bus: EventLog, { subject }: RawMessage): Promise<Stuck | null> {
  const spine = spineOfRetryDue(subject);
  const head = spine === null ? null : await bus.head(spine);
  if (spine === null || head?.type !== 'task.retrying') return null;
  return { type: head.type, seq: head.seq, spine, attempt: attemptAt(head), vm: null };
}

function attemptOf({ data }: Stored): Pick<Stuck, 'attempt' | 'vm'> {
  return { attempt: 'attempt' in data ? data.attempt : 1, vm: 'vm' in data ? data.vm : null };
}
