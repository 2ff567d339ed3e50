/**
 * Messages in the stream `INBOX`, one subject each. The newest message on a subject is the message with its marks; a
 * mark is published over it with the time that is left, so that it goes when it would have gone without.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import type { MessageId } from '@vm-task/shared/ids';
import { type Message, messageSchema, type Sending } from '@vm-task/shared/inbox';
import { type Ownership, ownershipOf } from '@vm-task/shared/people';
import { inboxMessage, inboxMessages, inboxSubject } from '@vm-task/shared/subjects';
import { tolerant } from '@vm-task/shared/tolerant';
import { isFull, throwIfNonRetryable, wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { follow } from './follow.ts';

const readerSchema = tolerant(messageSchema);

/** So many messages are looked through for one page, about a second: what others were sent holds up no list for longer. */
const lookedAtMax = 2_000;

export interface SendOptions {
  readonly id: MessageId;
  readonly keepMs: number;
  readonly since?: Date;
  /** From where it is sent: a host's name, or control's. */
  readonly host?: HostToken;
  /** The team that it is of, and who sends it. */
  readonly ownership?: Ownership;
}

/** A message and its place in the stream, which changes with every mark. */
export interface Kept {
  readonly seq: number;
  readonly message: Message;
  /** From where it was sent. */
  readonly host: HostToken;
}

/**
 * Returns once the broker has it; a second one of the same id changes nothing. It is kept for `keepMs` from `since`, or
 * from now; what would have gone already is not stored. @throws `stream-full`, and what the broker's absence throws.
 */
export async function sendMessage(
  connection: Connection,
  sending: Sending,
  { id, keepMs, since, host = anyHost, ownership = {} }: SendOptions,
): Promise<Message> {
  const now = await brokerNow(connection);
  const sentAt = since ?? now;
  const expiresAt = new Date(sentAt.getTime() + keepMs);
  const message: Message = {
    v: 1,
    id,
    ...sending,
    sentAt: sentAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    readAt: null,
    archivedAt: null,
    ...ownershipOf(ownership),
  };
  await store(connection, { message, host, seq: 0 }, now);
  return message;
}

/**
 * The message with its marks; null when there is none, or no longer. Of several with one id (a host can take that of
 * another's) it is control's, else the one that was there first.
 */
export async function readMessage({ jsm }: Connection, id: MessageId): Promise<Kept | null> {
  const own = await jsm.streams.getMessage('INBOX', { last_by_subj: inboxMessage(id, anyHost) });
  if (own !== null) return keptOf(own);
  const first: NextMsgRequest & { seq: number } = { seq: 1, next_by_subj: inboxMessage(id, '*') };
  const stored = await jsm.streams.getMessage('INBOX', first);
  return stored === null ? null : keptOf(stored);
}

export interface ListOptions {
  readonly after: number;
  readonly limit: number;
  /** Others are passed over. */
  readonly isWanted?: (kept: Kept) => boolean;
}

export interface MessagePage {
  readonly messages: readonly Kept[];
  /** Behind this sequence the next page begins; null when there is none. A page may be short, or empty, and not the last. */
  readonly next: number | null;
}

/** At most `limit` messages to `to` (`*`: to anybody) behind the sequence `after`, in the order of their last change. */
export async function listMessages(
  { jsm }: Connection,
  to: string,
  { after, limit, isWanted = () => true }: ListOptions,
): Promise<MessagePage> {
  const messages: Kept[] = [];
  let seen = after;
  for (let looked = 0; looked < lookedAtMax; looked++) {
    const next: NextMsgRequest & { seq: number } = { seq: seen + 1, next_by_subj: inboxMessages(to) };
    const stored = await jsm.streams.getMessage('INBOX', next);
    if (stored === null) return { messages, next: null };
    const kept = keptOf(stored);
    if (kept !== null && isWanted(kept)) {
      // One more than wanted tells that there is a next page.
      if (messages.length === limit) return { messages, next: seen };
      messages.push(kept);
    }
    seen = stored.seq;
  }
  return { messages, next: seen };
}

/** Every message to `to` behind the sequence `after`, then each that comes or is marked, until `signal`. */
export async function* followMessages(
  connection: Connection,
  to: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Kept, void, void> {
  const options = { stream: 'INBOX', filter: inboxMessages(to), from: after + 1, signal };
  for await (const { message } of follow(connection, options)) {
    const kept = keptOf(message);
    if (kept !== null) yield kept;
  }
}

export type Mark = 'read' | 'archived';

/**
 * The message with the mark, which it keeps until it goes; marking it again changes nothing.
 * @throws `message-not-found`, and what the broker's absence throws.
 */
export async function markMessage(connection: Connection, id: MessageId, mark: Mark): Promise<Message> {
  for (;;) {
    const [kept, now] = [await readMessage(connection, id), await brokerNow(connection)];
    if (kept === null) throw noMessage(id);
    const marked = withMark(kept.message, mark, now);
    if (marked === kept.message) return marked;
    const outcome = await store(connection, { ...kept, message: marked }, now);
    if (outcome === 'stored') return marked;
    if (outcome === 'expired') throw noMessage(id);
    // Somebody else marked it, or it went: what is there now decides.
    await delay(0);
  }
}

function withMark(message: Message, mark: Mark, now: Date): Message {
  const at = now.toISOString();
  const readAt = message.readAt ?? at;
  if (mark === 'read') return message.readAt === null ? { ...message, readAt } : message;
  return message.archivedAt === null ? { ...message, readAt, archivedAt: at } : message;
}

/** Over the message of that sequence, and over no other: what has gone is never brought back. */
async function store(
  { js }: Connection,
  { message, host, seq: over }: Kept,
  now: Date,
): Promise<'stored' | 'conflict' | 'expired'> {
  const leftMs = Date.parse(message.expiresAt) - now.getTime();
  if (leftMs <= 0) return 'expired';
  try {
    await js.publish(inboxSubject(message, host), JSON.stringify(message), {
      expect: { lastSubjectSequence: over },
      // The broker counts in seconds.
      ttl: `${Math.ceil(leftMs / 1_000)}s`,
    });
    return 'stored';
  } catch (error) {
    if (wasRefused(error)) return 'conflict';
    throwIfNonRetryable(error);
    if (!isFull(error)) throw error;
    throw new VmTaskError('stream-full', 'the inbox takes no more until older messages have gone', { cause: error });
  }
}

async function brokerNow({ jsm }: Connection): Promise<Date> {
  const { ts } = await jsm.streams.info('INBOX');
  if (ts === undefined) throw new VmTaskError('broker-too-old', 'the broker does not tell its time');
  return new Date(ts);
}

/** Null for what is no message that can be read here: it is in the way of no other. */
function keptOf({ seq, subject, data }: Pick<StoredMsg, 'seq' | 'subject' | 'data'>): Kept | null {
  try {
    const message = readerSchema.parse(JSON.parse(Buffer.from(data).toString('utf8')));
    const host = subject.split('.').at(-1) ?? anyHost;
    return inboxSubject(message, host) === subject ? { seq, message, host } : null;
  } catch {
    return null;
  }
}

function noMessage(id: MessageId): VmTaskError {
  return new VmTaskError('message-not-found', `there is no message ${id}, or it has gone; see ./vm-task inbox list`);
}
