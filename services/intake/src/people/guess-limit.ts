/**
 * Guessing is slowed: from an address that has sent so many wrong tokens, none is looked at until its minute is over, but
 * for those that were right from there before. So whoever guesses learns nothing, and shuts nobody out who is at work.
 */
import { isIPv6 } from 'node:net';

const wrongMax = 10;
const windowMs = 60_000;
/** Of each kind, in memory. */
const keptMax = 1_000;

export interface GuessLimit {
  /** Seconds until tokens from there are looked at again; 0 when they are. */
  retryAfterS(address: string): number;
  wrong(address: string): void;
  right(address: string, name: string): void;
  /** True when the token of that name was right from there before. */
  isKnown(address: string, name: string): boolean;
}

/** `now`: milliseconds that never go back. */
export function createGuessLimit(now: () => number): GuessLimit {
  const guesses = new Map<string, { count: number; readonly untilMs: number }>();
  const known = new Set<string>();
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
    right(address, name) {
      const key = `${networkOf(address)} ${name}`;
      known.delete(key);
      dropOldest(known);
      known.add(key);
    },
    isKnown: (address, name) => known.has(`${networkOf(address)} ${name}`),
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
