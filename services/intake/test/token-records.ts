/** Tokens as the broker would have them, without one. */
import type { TokenRecord } from '@vm-task/shared/people';
import type { TokenRole } from '@vm-task/shared/token-roles';
import { createTokenBook, hashOfToken, type TokenBook } from '../src/people/token-book.ts';

/** Of the token `vmt_<name>`. */
export function tokenRecord(name: string, more: Partial<TokenRecord> = {}): TokenRecord {
  return {
    v: 1,
    name,
    hash: hashOfToken(`vmt_${name}`),
    role: 'viewer',
    team: null,
    createdBy: 'home',
    createdAt: '2026-01-01T00:00:00.000Z',
    expiresAt: null,
    revokedAt: null,
    ...more,
  };
}

export interface Stored {
  /** One after another; the later one of a name is what holds. */
  readonly records: (TokenRecord | null)[];
  readonly book: TokenBook;
  /** By both clocks, in milliseconds. */
  nowMs: number;
  isAway: boolean;
}

/** A book that reads `records` at each refresh. */
export function storedTokens(...records: TokenRecord[]): Stored {
  const stored: Stored = {
    records,
    nowMs: Date.parse('2026-06-01T00:00:00.000Z'),
    isAway: false,
    book: createTokenBook({
      next: async (after) => {
        if (stored.isAway) throw new Error('away');
        const record = stored.records[after];
        return record === undefined ? null : { seq: after + 1, name: record?.name ?? 'odd', record };
      },
      now: () => stored.nowMs,
      monotonic: () => stored.nowMs,
    }),
  };
  return stored;
}

/** One token of each role, whose name and whose text behind the prefix are the role. */
export const eachRole = (role: TokenRole): TokenRecord => tokenRecord(role, { role });
