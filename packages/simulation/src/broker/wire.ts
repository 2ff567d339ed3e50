/** What a client makes of a publication, and what it is answered: headers are where the broker has its own. */
import { type MsgHdrs, headers as newHeaders } from '@nats-io/transport-node';
import type { Publication, StoredMessage } from './stream.ts';

export interface PublishOptions {
  readonly headers?: MsgHdrs;
  readonly msgID?: string;
  readonly schedule?: { readonly specification: Date; readonly target: string };
  readonly expect?: { readonly lastSubjectSequence?: number; readonly lastSubjectSequenceSubject?: string };
}

export function publicationOf(subject: string, data: Uint8Array | string, options: PublishOptions): Publication {
  const { msgID, expect, schedule } = options;
  const headers = newHeaders();
  for (const [key, values] of options.headers ?? []) for (const value of values) headers.append(key, value);
  if (msgID !== undefined) headers.set('Nats-Msg-Id', msgID);
  if (schedule !== undefined) {
    headers.set('Nats-Schedule', `@at ${schedule.specification.toISOString()}`);
    headers.set('Nats-Schedule-Target', schedule.target);
  }
  const last = expect?.lastSubjectSequence;
  if (last !== undefined) headers.set('Nats-Expected-Last-Subject-Sequence', String(last));
  const filter = expect?.lastSubjectSequenceSubject;
  if (filter !== undefined) headers.set('Nats-Expected-Last-Subject-Sequence-Subject', filter);
  return {
    subject,
    headers,
    data: typeof data === 'string' ? Buffer.from(data) : data,
    msgId: msgID ?? null,
    expect: last === undefined ? null : { last, filter: filter ?? subject },
  };
}

export function storedOf({ seq, subject, headers, data, timeMs }: StoredMessage) {
  return { seq, subject, header: headers, data, time: new Date(timeMs) };
}
