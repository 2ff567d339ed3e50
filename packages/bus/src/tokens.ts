/** The bucket `tokens`: one record for each name, for ever. Only intake may read and write it. */
import { VmTaskError } from '@vm-task/shared/errors';
import { type TokenRecord, tokenRecordSchema } from '@vm-task/shared/people';
import { tolerant } from '@vm-task/shared/tolerant';
import { throwIfNonRetryable, wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';

const stream = 'KV_tokens';
const subjectOf = (name: string) => `$KV.tokens.${name}`;

const readerSchema = tolerant(tokenRecordSchema);

export interface KeptToken {
  readonly seq: number;
  readonly name: string;
  /** Null for one that this version cannot read: it opens nothing. */
  readonly record: TokenRecord | null;
}

/** The next record that was written behind the sequence `after`, or null. */
export async function nextToken({ jsm }: Connection, after: number): Promise<KeptToken | null> {
  const next = { seq: after + 1, next_by_subj: subjectOf('*') };
  const message = await jsm.streams.getMessage(stream, next);
  return message === null ? null : keptOf(message);
}

/** Returns once the broker has it. @throws `token-exists`, and what the broker's absence throws. */
export async function createToken(connection: Connection, record: TokenRecord): Promise<void> {
  if (await store(connection, record, 0)) return;
  const { name } = record;
  throw new VmTaskError(
    'token-exists',
    `there is, or was, a token "${name}"; a name stands for one token for ever: choose another one`,
  );
}

/** The record, which says when it was revoked; doing it again changes nothing. @throws `token-not-found`. */
export async function revokeToken(connection: Connection, name: string, now: Date): Promise<TokenRecord> {
  for (;;) {
    const message = await connection.jsm.streams.getMessage(stream, { last_by_subj: subjectOf(name) });
    const kept = message === null ? null : keptOf(message);
    if (kept === null || kept.record === null) {
      throw new VmTaskError(
        'token-not-found',
        `there is no token "${name}"; ./vm-task token list shows those that are`,
      );
    }
    if (kept.record.revokedAt !== null) return kept.record;
    const revoked = { ...kept.record, revokedAt: now.toISOString() };
    // Somebody else was faster: what is there now decides.
    if (await store(connection, revoked, kept.seq)) return revoked;
  }
}

/** False when the record of that name is another one than that of the sequence `over`. */
async function store({ js }: Connection, record: TokenRecord, over: number): Promise<boolean> {
  const data = JSON.stringify(tokenRecordSchema.parse(record));
  try {
    await js.publish(subjectOf(record.name), data, { expect: { lastSubjectSequence: over } });
    return true;
  } catch (error) {
    if (wasRefused(error)) return false;
    throwIfNonRetryable(error);
    throw error;
  }
}

function keptOf({ seq, subject, data }: { seq: number; subject: string; data: Uint8Array }): KeptToken {
  const name = subject.slice(subjectOf('').length);
  return { seq, name, record: recordIn(data, name) };
}

function recordIn(data: Uint8Array, name: string): TokenRecord | null {
  try {
    const record = readerSchema.parse(JSON.parse(Buffer.from(data).toString('utf8')));
    return record.name === name ? record : null;
  } catch {
    return null;
  }
}
