/**
 * How an event travels: CloudEvents 1.0 attributes and the trace context as headers, data as JSON. `ce-id` is also the
 * broker's message id. It is derived from what caused the event, so the same decision made twice has the same id.
 */

import type { JsMsg, StoredMsg } from '@nats-io/jetstream';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { context, propagation } from '@opentelemetry/api';
import { VmTaskError } from '@vm-task/shared/errors';
import { type Draft, eventSchemas, isEventType, type Stored } from '@vm-task/shared/events';

export interface RawMessage {
  readonly seq: number;
  readonly subject: string;
  readonly time: Date;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

/** `<type>/<task, VM, pipeline or alert>/<fence>`: one decision on one state of the spine. */
export function eventId(draft: Draft, fence: number | null): string {
  const about = 'vm' in draft.data && draft.type === 'vm.gone' ? draft.data.vm : aboutOf(draft);
  return fence === null ? `${draft.type}/${about}` : `${draft.type}/${about}/${fence}`;
}

function aboutOf(draft: Draft): string {
  if (draft.type === 'alert.raised') return `${draft.data.kind}/${draft.data.id}`;
  return String('pipeline' in draft.data ? draft.data.pipeline : draft.data.task);
}

export function seal(draft: Draft, id: string, source: string, now: Date): { payload: Uint8Array; headers: MsgHdrs } {
  const sealed = headers();
  sealed.set('ce-specversion', '1.0');
  sealed.set('ce-id', id);
  sealed.set('ce-type', draft.type);
  sealed.set('ce-source', source);
  sealed.set('ce-time', now.toISOString());
  sealed.set('content-type', 'application/json');
  propagation.inject(context.active(), sealed, { set: (carrier, key, value) => carrier.set(key, value) });
  return { payload: Buffer.from(JSON.stringify(draft.data)), headers: sealed };
}

/** Thrown: `unreadable-event` for what is not JSON, of no known type, or of a version from another time. */
export function unseal(message: RawMessage): Stored {
  const type = message.headers?.get('ce-type') ?? '';
  if (!isEventType(type)) throw unreadable(message, `its type ${JSON.stringify(type.slice(0, 80))} is unknown`);
  const parsed = eventSchemas[type].safeParse(parseJson(message));
  if (!parsed.success)
    throw unreadable(message, parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '));
  return {
    type,
    data: parsed.data,
    id: message.headers?.get('ce-id') ?? '',
    seq: message.seq,
    time: message.time,
    subject: message.subject,
    traceparent: message.headers?.get('traceparent') || null,
  } as Stored;
}

export function parseJson(message: RawMessage): unknown {
  try {
    return JSON.parse(Buffer.from(message.data).toString('utf8'));
  } catch (error) {
    throw unreadable(message, 'it is not JSON', error);
  }
}

function unreadable(message: RawMessage, why: string, cause?: unknown): VmTaskError {
  return new VmTaskError('unreadable-event', `message ${message.seq} on ${message.subject} cannot be read: ${why}`, {
    cause,
  });
}

export function rawOf(message: StoredMsg): RawMessage {
  return {
    seq: message.seq,
    subject: message.subject,
    time: message.time,
    headers: message.header,
    data: message.data,
  };
}

/** Of a message that a consumer delivered. */
export function rawOfDelivery({ seq, subject, time, headers, data }: JsMsg): RawMessage {
  return { seq, subject, time, headers, data };
}
