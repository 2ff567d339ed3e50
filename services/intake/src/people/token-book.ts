/**
 * The tokens as the broker has them, in memory. It is looked for changes again and again, so a token that was revoked opens
 * nothing after `everyMs`; and when the broker has not answered for `staleMs`, no token is believed but the home's own.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { KeptToken } from '@vm-task/bus/tokens';
import type { Logger } from '@vm-task/service/log';
import type { TokenRecord } from '@vm-task/shared/people';
import type { Asker } from './asker.ts';

const everyMs = 1_000;
const staleMs = 15_000;

/** So many records there may be: each is kept in memory, and for ever. */
export const tokensMax = 10_000;

export type Found =
  | { readonly kind: 'valid'; readonly asker: Asker }
  /** It was one. */
  | { readonly kind: 'over'; readonly why: string }
  | { readonly kind: 'unknown' }
  /** Nobody can say now. */
  | { readonly kind: 'stale' };

export interface TokenBook {
  find(text: string): Found;
  /** By name. */
  readonly records: readonly TokenRecord[];
  /** Reads what was written since the last look. @throws what the broker's absence throws. */
  refresh(): Promise<void>;
}

export interface TokenBookDeps {
  /** The next record behind that sequence. */
  readonly next: (after: number) => Promise<KeptToken | null>;
  /** Since 1970. */
  readonly now: () => number;
  /** That never goes back. */
  readonly monotonic: () => number;
}

interface Entry {
  readonly record: TokenRecord;
  readonly asker: Asker;
  readonly ending: AbortController;
}

export function createTokenBook({ next, now, monotonic }: TokenBookDeps): TokenBook {
  const byName = new Map<string, Entry>();
  const byHash = new Map<string, Entry>();
  let seq = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;
  const forget = (name: string) => {
    const known = byName.get(name);
    if (known === undefined) return;
    byName.delete(name);
    byHash.delete(known.record.hash);
    known.ending.abort();
  };
  const take = ({ name, record }: KeptToken) => {
    forget(name);
    if (record === null) return;
    const entry = entryOf(record);
    if (record.revokedAt !== null) entry.ending.abort();
    byName.set(name, entry);
    byHash.set(record.hash, entry);
  };
  return {
    find(text) {
      if (monotonic() - lookedAt > staleMs) return { kind: 'stale' };
      const entry = byHash.get(hashOfToken(text));
      if (entry === undefined) return { kind: 'unknown' };
      const why = whyOver(entry.record, now());
      return why === null ? { kind: 'valid', asker: entry.asker } : { kind: 'over', why };
    },
    get records() {
      return [...byName.values()].map(({ record }) => record).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async refresh() {
      const begun = monotonic();
      for (let kept = await next(seq); kept !== null; kept = await next(seq)) {
        take(kept);
        seq = kept.seq;
      }
      lookedAt = begun;
      for (const { record, ending } of byName.values()) if (whyOver(record, now()) !== null) ending.abort();
    },
  };
}

/** Looks until `stop`. */
export async function followTokens(book: TokenBook, stop: AbortSignal, log: Logger): Promise<void> {
  while (!stop.aborted) {
    await book.refresh().catch((error) => {
      if (!stop.aborted) log.warn({ err: error }, 'the tokens could not be read; looking again');
    });
    await delay(everyMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

export function hashOfToken(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Null for one that holds at that time. */
export function whyOver({ name, revokedAt, expiresAt }: TokenRecord, nowMs: number): string | null {
  if (revokedAt !== null) return `the token "${name}" was revoked at ${revokedAt}`;
  if (expiresAt !== null && Date.parse(expiresAt) <= nowMs) return `the token "${name}" expired at ${expiresAt}`;
  return null;
}

function entryOf(record: TokenRecord): Entry {
  const { name, role, team, expiresAt } = record;
  const ending = new AbortController();
  return { record, ending, asker: { name, role, team, expiresAt, over: ending.signal } };
}
