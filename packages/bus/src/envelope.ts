/**
 * How an event travels: CloudEvents 1.0 attributes and the trace context as headers, data as JSON. `ce-id` is also the
 * broker's message id. It is derived from what caused the event, so the same decision made twice has the same id.
 */

import type { JsMsg, StoredMsg } from '@nats-io/jetstream';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { context, propagation } from '@opentelemetry/api';
import { VmTaskError } from '@vm-task/shared/errors';
import { type Draft, eventSchemas, type Head, type HostToken, isEventType, type Stored } from '@vm-task/shared/events';
import { asWritten } from '@vm-task/shared/features';
import { readJson } from '@vm-task/shared/json-text';
import { readEventData } from '@vm-task/shared/read-event';
import { eventsOf, factsOfSubject, type SubjectFacts } from '@vm-task/shared/subjects';
import { decodeUtf8 } from '@vm-task/shared/utf8';

export interface RawMessage {
  readonly seq: number;
  readonly subject: string;
  readonly time: Date;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

/**
 * `<type>/<task, VM, pipeline or alert>/<expected sequence>/<host>`: one decision on one state, by one host. So a broker that says
 * "duplicate" speaks of oneself.
 */
export function eventId(draft: Draft, expectedSeq: number | null): string {
  const about = draft.type === 'vm.gone' ? draft.data.vm : aboutOf(draft);
  return [draft.type, about, ...(expectedSeq === null ? [] : [expectedSeq]), draft.host].join('/');
}

function aboutOf(draft: Draft): string {
  if (draft.type === 'alert.raised') return `${draft.data.kind}/${draft.data.id}`;
  return String('pipeline' in draft.data ? draft.data.pipeline : draft.data.task);
}

/**
 * `version`: what every service can read (`features.ts`); null where that is not known.
 * @throws Error for data that its own schema refuses, or of a type that is not switched on: a programming error, which
 * must not reach the log.
 */
export function encode(
  draft: Draft,
  id: string,
  source: string,
  now: Date,
  version: string | null = null,
): { payload: Uint8Array; headers: MsgHdrs } {
  const data = asWritten(draft.type, eventSchemas[draft.type].parse(draft.data), version);
  const encoded = headers();
  encoded.set('ce-specversion', '1.0');
  encoded.set('ce-id', id);
  encoded.set('ce-type', draft.type);
  encoded.set('ce-source', source);
  encoded.set('ce-time', now.toISOString());
  encoded.set('content-type', 'application/json');
  propagation.inject(context.active(), encoded, { set: (carrier, key, value) => carrier.set(key, value) });
  return { payload: Buffer.from(JSON.stringify(data)), headers: encoded };
}

export type Decoded =
  | { readonly kind: 'event'; readonly event: Head }
  /** No event: it moves the sequence of what it is stored under, and the state of nothing. */
  | { readonly kind: 'none'; readonly why: string; readonly host: HostToken | null };

/**
 * What a message of `EVENTS` is. Only what carries our envelope, on the subject that its type has, with the expectation
 * of the task or pipeline that it is about, is an event; a copy that the broker made for somebody is none.
 */
export function decode(message: RawMessage): Decoded {
  const facts = factsOfSubject(message.subject);
  const why = whyNoEvent(message, facts);
  if (why !== null || facts === null) return { kind: 'none', why: why ?? '', host: facts?.host ?? null };
  const said = header(message, 'ce-type');
  const envelope = {
    id: header(message, 'ce-id'),
    seq: message.seq,
    time: message.time,
    subject: message.subject,
    host: facts.host,
    traceparent: header(message, 'traceparent') || null,
  };
  const json = jsonOf(message.data);
  const unknown = (reason: string): Decoded => ({
    kind: 'event',
    event: { ...envelope, type: 'unknown', said, version: versionIn(json), why: reason, before: null },
  });
  if (!isEventType(said)) return unknown(`its type ${JSON.stringify(said.slice(0, 80))} is not known here`);
  const read = readEventData(said, json);
  if (read.kind === 'unknown') return unknown(read.why);
  const event = { ...envelope, type: said, data: read.data } as Stored;
  if (!isAbout(event, facts))
    return { kind: 'none', why: 'it is about something else than its subject', host: facts.host };
  return { kind: 'event', event };
}

/** Headers that the broker adds to a copy that it sends to somebody. */
const copyHeaders = ['Nats-Stream', 'Nats-Sequence'];

function whyNoEvent(message: RawMessage, facts: SubjectFacts | null): string | null {
  if (facts === null) return 'no event has such a subject';
  if (header(message, 'ce-specversion') !== '1.0' || header(message, 'ce-id') === '')
    return 'it has no envelope of ours';
  if (copyHeaders.some((name) => header(message, name) !== '')) return 'it is a copy that the broker made';
  if (header(message, 'ce-type') !== facts.type) return 'its type is not that of its subject';
  if (!('task' in facts.about || 'pipeline' in facts.about)) return null;
  if (header(message, 'Nats-Expected-Last-Subject-Sequence') === '') return 'it was published without an expectation';
  const expectsOf = header(message, 'Nats-Expected-Last-Subject-Sequence-Subject');
  return expectsOf === eventsOf(facts.about) ? null : 'its expectation is of something else';
}

function isAbout({ data, host }: Stored, { about }: SubjectFacts): boolean {
  if ('pipeline' in about) return 'pipeline' in data && data.pipeline === about.pipeline;
  if ('vm' in about) return 'vm' in data && data.vm === about.vm && 'host' in data && data.host === host;
  if ('alert' in about) return 'id' in data && data.id === about.alert;
  const isOfHost = !('access' in data) || data.host === host;
  return 'task' in data && data.task === about.task && data.pool === about.pool && isOfHost;
}

function header(message: RawMessage, name: string): string {
  return message.headers?.get(name) ?? '';
}

function versionIn(json: unknown): number {
  const version = typeof json === 'object' && json !== null && 'v' in json ? json.v : 0;
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : 0;
}

/** Undefined for what is not JSON. */
export function jsonOf(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The JSON of a command or a timer. @throws `unreadable-event` for what is none, or would not be taken as it is. */
export function parseJson({ seq, subject, data }: RawMessage): unknown {
  const decoded = decodeUtf8(data);
  const read = decoded.kind === 'text' ? readJson(decoded.text) : decoded;
  if (read.kind === 'value') return read.value;
  const problem = read.kind === 'syntax' ? 'is not JSON' : `cannot be taken: ${read.why}`;
  throw new VmTaskError('unreadable-event', `message ${seq} on ${subject} ${problem}`);
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
