/** Events of a version that is not known here, as an older build meets them. */

import { keyOf } from '@vm-task/bus/append';
import type { Connection } from '@vm-task/bus/connection';
import { encode, eventId } from '@vm-task/bus/envelope';
import type { Draft, Stored, UnknownEvent } from '@vm-task/shared/events';
import { eventSubject, eventsOf } from '@vm-task/shared/subjects';

const version = 99;

/** The same event, written by a newer build. */
export function asNewer({ type: said, data: _, ...envelope }: Stored): UnknownEvent {
  return { ...envelope, type: 'unknown', said, version, why: `its version is ${version}`, before: null };
}

/** Stores the draft behind `expectedSeq` as a newer build does, with what is only known there; returns its sequence. */
export async function storeNewer({ js }: Connection, draft: Draft, expectedSeq: number): Promise<number> {
  const id = eventId(draft, expectedSeq);
  const { headers } = encode(draft, id, 'vm-task/newer', new Date());
  const data = JSON.stringify({ ...draft.data, v: version, whatever: ['is', 'new'] });
  const expect = { lastSubjectSequence: expectedSeq, lastSubjectSequenceSubject: eventsOf(keyOf(draft)) };
  const { seq } = await js.publish(eventSubject(draft), data, { headers, msgID: id, expect });
  return seq;
}
