/** How many messages of each team are kept in `INBOX`, followed as the events are. The broker lets them go by their time. */
import type { DatabaseSync } from 'node:sqlite';
import type { Kept } from '@vm-task/bus/inbox';
import { inboxSubject } from '@vm-task/shared/subjects';
import type { StreamIdentity } from './open-database.ts';
import { inTransaction, statement } from './statement.ts';

export interface MessageCounts {
  /** The last sequence that is counted. */
  readonly position: number;
  /** Counts messages in order, all or none. A mark is the same message once more. */
  advance(messages: readonly Kept[]): void;
}

/** As the database has them while they are of this stream; counted anew where they are of another one. */
export function openMessageCounts(db: DatabaseSync, { created, lastSeq }: StreamIdentity): MessageCounts {
  inTransaction(db, () => {
    const known = statement(db, 'SELECT stream, seq FROM message_progress').get();
    if (known?.['stream'] === created && Number(known['seq']) <= lastSeq) return;
    for (const table of ['messages', 'team_messages', 'message_progress']) statement(db, `DELETE FROM ${table}`).run();
    statement(db, 'INSERT INTO message_progress (only_row, stream, seq) VALUES (1, ?, 0)').run(created);
  });
  const position = () => Number(statement(db, 'SELECT seq FROM message_progress').get()?.['seq']);
  return {
    get position() {
      return position();
    },
    advance(messages) {
      inTransaction(db, () => {
        const counted = position();
        for (const one of messages) if (one.seq > counted) count(db, one);
        const seq = Math.max(counted, messages.at(-1)?.seq ?? 0);
        statement(db, 'UPDATE message_progress SET seq = ?').run(seq);
      });
    },
  };
}

function count(db: DatabaseSync, { message, host }: Kept): void {
  const { team, expiresAt } = message;
  if (team === undefined) return;
  const sql = 'INSERT OR IGNORE INTO messages (subject, team, expires_at) VALUES (?, ?, ?)';
  const { changes } = statement(db, sql).run(inboxSubject(message, host), team, Date.parse(expiresAt));
  if (Number(changes) === 1) add(db, team, 1);
}

function add(db: DatabaseSync, team: string, messages: number): void {
  const sql = `INSERT INTO team_messages (team, messages) VALUES (?, ?)
    ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`;
  statement(db, sql).run(team, messages);
}

/** Forgets those that the broker has let go. */
export function dropGoneMessages(db: DatabaseSync, nowMs: number): void {
  inTransaction(db, () => {
    const gone = statement(db, 'DELETE FROM messages WHERE expires_at <= ? RETURNING team').all(nowMs);
    for (const { team } of gone) add(db, String(team), -1);
  });
}

/** Of a team. Those that have gone since the last sweep are few. */
export function countMessages(db: DatabaseSync, team: string, nowMs: number): number {
  const all = statement(db, 'SELECT messages FROM team_messages WHERE team = ?').get(team)?.['messages'] ?? 0;
  const sql = 'SELECT count(*) AS gone FROM messages WHERE team = ? AND expires_at <= ?';
  return Number(all) - Number(statement(db, sql).get(team, nowMs)?.['gone']);
}

/** When a team's kept messages will be fewer than `limit` if nobody sends any; null when they never are. */
export function messagesBelow(db: DatabaseSync, team: string, limit: number, nowMs: number): number | null {
  const tooMany = countMessages(db, team, nowMs) - limit;
  const sql = `SELECT expires_at FROM messages WHERE team = ? AND expires_at > ? ORDER BY expires_at LIMIT 1 OFFSET ?`;
  const row = statement(db, sql).get(team, nowMs, Math.max(0, tooMany));
  return limit === 0 || row === undefined ? null : Number(row['expires_at']);
}

export function isCountedMessage(db: DatabaseSync, subject: string): boolean {
  return statement(db, 'SELECT 1 FROM messages WHERE subject = ?').get(subject) !== undefined;
}
