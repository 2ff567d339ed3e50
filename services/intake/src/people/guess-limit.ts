/**
 * Guessing is slowed: an address that has sent so many wrong tokens is told to wait until its minute is over. A token that
 * is right is let in all the same, because 256 bits are not guessed, and nobody may shut out others of his address.
 */
import { isIPv6 } from 'node:net';

const wrongMax = 10;
const windowMs = 60_000;
/** Addresses, in memory. */
const keptMax = 1_000;

export interface GuessLimit {
  /** Seconds that somebody there has to wait who sends a wrong token; 0 for none. */
  retryAfterS(address: string): number;
  wrong(address: string): void;
}

/** `now`: milliseconds that never go back. */
export function createGuessLimit(now: () => number): GuessLimit {
  const guesses = new Map<string, { count: number; readonly untilMs: number }>();
  return {
    retryAfterS(address) {
      const found = guesses.get(networkOf(address));
      if (found === undefined || found.count < wrongMax || found.untilMs <= now()) return 0;
      return Math.ceil((found.untilMs - now()) / 1_000);
    },
    wrong(address) {
      const key = networkOf(address);
      const found = guesses.get(key);
      if (found !== undefined && found.untilMs > now()) {
        found.count += 1;
        return;
      }
      guesses.delete(key);
      dropOldest(guesses);
      guesses.set(key, { count: 1, untilMs: now() + windowMs });
    },
  };
}

export function dropOldest(kept: Map<string, unknown> | Set<string>): void {
  if (kept.size < keptMax) return;
  const [oldest] = kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}

/** Whoever has an IPv6 address has 2^64 of them. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address.replace('::ffff:', '');
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0') : [];
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}
