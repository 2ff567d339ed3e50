/** What no handler could take: stored with the reason, its task ended, people told. */
import type { Logger } from 'pino';
import type { EventData } from '../events.ts';
import { isTaskId } from '../ids.ts';
import { deadSubject } from '../subjects.ts';
import type { Bus } from './bus.ts';
import { type RawMessage, unseal } from './envelope.ts';
import type { Delivery } from './work.ts';

/** A larger original stays in its stream only: in base64 it would be more than the broker takes. */
const copiedMaxBytes = 4 * 1024 * 1024;
/** Reasons can quote what they complain about. */
const reasonMaxLength = 2_000;

/** Stores the letter, ends the task, tells people; each step may be repeated. */
export async function bury(
  bus: Bus,
  worker: { name: string; stream: string },
  { message, signal }: Delivery,
  fullReason: string,
  log: Logger,
): Promise<void> {
  const reason = fullReason.slice(0, reasonMaxLength);
  const subject = deadSubject(worker.name, worker.stream, message.seq);
  const letter = {
    reason,
    subject: message.subject,
    stream: worker.stream,
    seq: message.seq,
    traceparent: message.headers?.get('traceparent') || null,
    data: message.data.length > copiedMaxBytes ? null : Buffer.from(message.data).toString('base64'),
  };
  await bus.connection.js.publish(subject, JSON.stringify(letter), { msgID: subject });
  log.error({ reason, subject: message.subject, seq: message.seq }, 'stored as a dead letter');
  await endTaskOf(bus, message, reason, signal);
  const id = `${worker.stream.toLowerCase()}-${message.seq}`;
  const text = `${worker.name} cannot handle message ${message.seq} of ${worker.stream}: ${reason}`;
  const data = { v: 1 as const, severity: 'warning' as const, kind: 'dead-letter', id, text };
  await bus.announce({ type: 'alert.raised', data }, signal);
}

export async function raiseRetryAlert(
  bus: Bus,
  consumer: string,
  { message, signal }: Delivery,
  reason: string,
): Promise<void> {
  const why = reason.slice(0, reasonMaxLength);
  const text = `${consumer} failed five times on message ${message.seq} (${message.subject}) and goes on trying: ${why}`;
  const data = { v: 1 as const, severity: 'warning' as const, kind: 'handler-failing', id: `${message.seq}`, text };
  await bus.announce({ type: 'alert.raised', data }, signal);
}

/** The task whose event cannot be handled has failed, unless it has moved on or has ended (I2). */
async function endTaskOf(bus: Bus, message: RawMessage, reason: string, signal: AbortSignal): Promise<void> {
  const [about, what, pool, task, ...more] = message.subject.split('.');
  if (pool === undefined || task === undefined || !isTaskId(task) || more.length > 0) return;
  // This one *is* the end: its sequence is the spine's last, so the broker would take another one behind it.
  if (`${about}.${what}` === 'task.completed') return;
  const failed: EventData<'task.completed'> = {
    v: 1,
    task,
    pool,
    ...attemptOf(message),
    outcome: 'failed',
    exitCode: null,
    signal: null,
    result: null,
    error: { code: 'unreadable-event', message: reason },
    output: null,
    artifacts: [],
    processMs: null,
  };
  await bus.append({ type: 'task.completed', data: failed }, message.seq, signal);
}

/** The attempt and the VM that the ending releases, where the message can be read. */
function attemptOf(message: RawMessage): Pick<EventData<'task.completed'>, 'attempt' | 'vm'> {
  try {
    const { data } = unseal(message);
    return { attempt: 'attempt' in data ? data.attempt : 1, vm: 'vm' in data ? data.vm : null };
  } catch {
    return { attempt: 1, vm: null };
  }
}
