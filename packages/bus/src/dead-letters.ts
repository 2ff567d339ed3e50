/** The dead letters of `DEAD`, as people look at them and as a replay needs them. */
import type { NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import { deadSubject } from '@vm-task/shared/subjects';
import { z } from 'zod';
import type { Connection } from './connection.ts';
import type { RawMessage } from './envelope.ts';

export const letterSchema = z.object({
  /** The durable whose handler could not take the message. */
  consumer: z.string(),
  reason: z.string(),
  /** Of the message, as it was published. */
  subject: z.string(),
  stream: z.string(),
  seq: z.int(),
  time: z.iso.datetime(),
  headers: z.record(z.string(), z.string()),
  traceparent: z.string().nullable(),
  /** Base64; null for one too large to be copied. */
  data: z.string().nullable(),
});
export type Letter = z.infer<typeof letterSchema>;

export interface DeadLetter {
  /** In `DEAD`: what people name it by. */
  readonly seq: number;
  readonly buriedAt: Date;
  /** Who could not handle the message: a host's worker, or control's. */
  readonly host: HostToken;
  readonly letter: Letter;
}

/** Null when there is none of that sequence, or no longer. */
export async function readLetter({ jsm }: Connection, seq: number): Promise<DeadLetter | null> {
  const message = await jsm.streams.getMessage('DEAD', { seq });
  return message === null ? null : letterOf(message);
}

/** At most `limit` letters behind the sequence `after`, in their order. */
export async function listLetters({ jsm }: Connection, after: number, limit: number): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  for (let seq = after + 1; found.length < limit; ) {
    const next: NextMsgRequest & { seq: number } = { seq, next_by_subj: 'dead.>' };
    const message = await jsm.streams.getMessage('DEAD', next);
    if (message === null) break;
    const letter = letterOf(message);
    if (letter !== null) found.push(letter);
    seq = message.seq + 1;
  }
  return found;
}

/** False when there was none. */
export async function dropLetter(connection: Connection, seq: number): Promise<boolean> {
  if ((await readLetter(connection, seq)) === null) return false;
  await connection.jsm.streams.deleteMessage('DEAD', seq);
  return true;
}

/** The message that the dead letter is about, from its stream, or from the dead letter; null when neither has it. */
export async function readOriginal({ jsm }: Connection, { letter }: DeadLetter): Promise<RawMessage | null> {
  const { stream, seq, subject, data } = letter;
  const stored = await jsm.streams.getMessage(stream, { seq });
  if (stored !== null) return { seq, subject, time: stored.time, headers: stored.header, data: stored.data };
  if (data === null) return null;
  const copied = headers();
  for (const [key, value] of Object.entries(letter.headers)) copied.set(key, value);
  return { seq, subject, time: new Date(letter.time), headers: copied, data: Buffer.from(data, 'base64') };
}

/** Null for what is no letter: one is stored under what it says. */
function letterOf({ seq, time, subject, data }: StoredMsg): DeadLetter | null {
  const host = subject.split('.').at(-1) ?? anyHost;
  try {
    const letter = letterSchema.parse(JSON.parse(Buffer.from(data).toString('utf8')));
    if (deadSubject(letter.consumer, letter.stream, letter.seq, host) !== subject) return null;
    return { seq, buriedAt: time, host, letter };
  } catch {
    return null;
  }
}
