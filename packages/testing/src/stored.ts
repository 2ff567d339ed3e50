/** Events as they are stored, for tests that look at them: what is none, or cannot be read, is a failure. */
import type { Bus } from '@vm-task/bus/bus';
import { decode, type RawMessage } from '@vm-task/bus/envelope';
import type { Draft, Stored } from '@vm-task/shared/events';
import { eventSubject } from '@vm-task/shared/subjects';

/** @throws Error for what is no event, and for one that cannot be read here. */
export function storedIn(message: RawMessage): Stored {
  const decoded = decode(message);
  if (decoded.kind === 'none') throw new Error(`message ${message.seq} on ${message.subject}: ${decoded.why}`);
  if (decoded.event.type === 'unknown') throw new Error(`event ${message.seq}: ${decoded.event.why}`);
  return decoded.event;
}

/** Null when nothing has that sequence, or no longer. */
export async function eventAt(bus: Pick<Bus, 'messageAt'>, seq: number): Promise<Stored | null> {
  const message = await bus.messageAt(seq);
  return message === null ? null : storedIn(message);
}

export function storedAt(draft: Draft, seq: number): Stored {
  const time = new Date(seq * 1_000);
  return { ...draft, id: `${seq}`, seq, time, subject: eventSubject(draft), traceparent: null } as Stored;
}
