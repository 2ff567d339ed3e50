/** The audit log in the stream `AUDIT`, as intake writes and reads it. What is there is never altered. */
import type { NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import { type AuditRecord, auditRecordSchema } from '@vm-task/shared/audit-record';
import { auditPattern, auditSubject } from '@vm-task/shared/subjects';
import { tolerant } from '@vm-task/shared/tolerant';
import type { Connection } from './connection.ts';
import { follow } from './follow.ts';

const stream = 'AUDIT';

/** So many records are looked through for one page: about a second. */
const lookedAtMax = 2_000;

const readerSchema = tolerant(auditRecordSchema);

export interface AuditEntry {
  readonly seq: number;
  readonly record: AuditRecord;
}

export interface AuditFilter {
  /** The name of a token. */
  readonly who?: string | undefined;
  /** An id, the beginning of one, or a name. */
  readonly about?: string | undefined;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** Behind this sequence the next page begins; null when there is none. A page may be short, or empty, and not the last. */
  readonly next: number | null;
}

/** Returns once the broker has it. @throws after `withinMs`, when nobody knows whether it has it, and what else its absence throws. */
export async function storeAuditRecord({ js }: Connection, record: AuditRecord, withinMs: number): Promise<void> {
  const data = JSON.stringify(auditRecordSchema.parse(record));
  await js.publish(auditSubject(record.who?.name ?? null), data, { timeout: withinMs });
}

/** At most `limit` records behind the sequence `after`, the oldest first. */
export async function listAuditRecords(
  connection: Connection,
  filter: AuditFilter,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<AuditPage> {
  const entries: AuditEntry[] = [];
  let seen = after;
  for (let looked = 0; looked < lookedAtMax; looked++) {
    const message = await nextMessage(connection, seen + 1, subjectsOf(filter));
    if (message === null) return { entries, next: null };
    const entry = entryOf(message);
    if (entry !== null && isWanted(entry, filter)) {
      // One more than wanted tells that there is a next page.
      if (entries.length === limit) return { entries, next: seen };
      entries.push(entry);
    }
    seen = message.seq;
  }
  return { entries, next: seen };
}

/** Every such record behind the sequence `after`, then each that comes, until `signal`. */
export async function* followAuditRecords(
  connection: Connection,
  filter: AuditFilter,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<AuditEntry, void, void> {
  for await (const { message } of follow(connection, { stream, filter: subjectsOf(filter), from: after + 1, signal })) {
    const entry = entryOf(message);
    if (entry !== null && isWanted(entry, filter)) yield entry;
  }
}

/** The sequence behind which everything was stored at `since` or later, by the broker's clock. */
export async function auditSeqBefore(connection: Connection, since: Date): Promise<number> {
  const { state } = await connection.jsm.streams.info(stream);
  // All up to `low` is older, and all from `high` on is not.
  let [low, high] = [state.first_seq - 1, state.last_seq + 1];
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    const message = await nextMessage(connection, middle, auditPattern);
    if (message === null || message.time >= since) high = middle;
    else low = message.seq;
  }
  return Math.max(0, low);
}

async function nextMessage({ jsm }: Connection, seq: number, subject: string): Promise<StoredMsg | null> {
  const next: NextMsgRequest & { seq: number } = { seq, next_by_subj: subject };
  return jsm.streams.getMessage(stream, next);
}

function subjectsOf({ who }: AuditFilter): string {
  return who === undefined ? auditPattern : auditSubject(who);
}

function isWanted({ record }: AuditEntry, { about }: AuditFilter): boolean {
  return about === undefined || record.about.some(({ id }) => id.startsWith(about));
}

/** Null for what cannot be read here: it is in the way of no other. */
function entryOf({ seq, data }: Pick<StoredMsg, 'seq' | 'data'>): AuditEntry | null {
  try {
    return { seq, record: readerSchema.parse(JSON.parse(Buffer.from(data).toString('utf8'))) };
  } catch {
    return null;
  }
}
