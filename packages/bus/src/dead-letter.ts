/** What no handler could take: stored with the reason, people told. Nothing is ended because of it. */

import { anyHost } from '@vm-task/shared/events';
import type { Durable } from '@vm-task/shared/flow';
import { deadSubject, subjectMatches } from '@vm-task/shared/subjects';
import type { Logger } from 'pino';
import type { DeadLetter, Letter } from './dead-letters.ts';
import type { EventLog } from './event-log.ts';
import type { Delivery } from './work.ts';

/** A larger original stays in its stream only: in base64 it would be more than the broker takes. */
const copiedMaxBytes = 4 * 1024 * 1024;
/** Reasons can quote what they complain about. */
const reasonMaxLength = 2_000;

/** Stores the dead letter and tells people; each step may be repeated. `replayed`: the dead letter that this one takes the place of. */
export async function storeDeadLetter(
  bus: EventLog,
  worker: Durable,
  { message, signal }: Delivery,
  fullReason: string,
  log: Logger,
  replayed: DeadLetter | null = null,
): Promise<void> {
  const reason = fullReason.slice(0, reasonMaxLength);
  const subject = deadSubject(worker.name, worker.stream, message.seq, bus.host);
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
  if (isGivenAlerts(worker)) return;
  const text = `${worker.name} cannot handle message ${message.seq} of ${worker.stream}: ${reason}`;
  await alertPeople(bus, worker, 'dead-letter', `${text}\n${whereOthers}; ./vm-task deadletter list has all`, signal);
}

export async function raiseRetryAlert(
  bus: EventLog,
  worker: Durable,
  { message, signal }: Delivery,
  reason: string,
): Promise<void> {
  if (isGivenAlerts(worker)) return;
  const why = reason.slice(0, reasonMaxLength);
  const text = `${worker.name} failed five times in a row on message ${message.seq} (${message.subject}) and goes on trying: ${why}`;
  await alertPeople(bus, worker, 'handler-failing', `${text}\n${whereOthers}; the log has all`, signal);
}

const whereOthers = 'Others within the next two minutes raise no alert of their own';

/** Once for each worker within the broker's window for duplicates: whoever sends many bad messages does not multiply them. */
async function alertPeople(bus: EventLog, worker: Durable, kind: string, text: string, signal: AbortSignal) {
  const data = { v: 1 as const, severity: 'warning' as const, kind, id: worker.name, text };
  await bus.announce({ type: 'alert.raised', data, host: bus.host }, signal);
}

/** An alert that says that an alert cannot be handled would come back to the same worker, without end. */
function isGivenAlerts({ filter }: Durable): boolean {
  return subjectMatches(filter, `alert.raised.warning.dead-letter.any.${anyHost}`);
}
