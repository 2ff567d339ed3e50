/**
 * What of HTTP goes into the audit log: every act, and refusals as rarely as tells who tries what, so that nobody fills the
 * log with them. A record that cannot be stored keeps nobody from an answer: the act has happened already.
 */
import type { Logger } from '@vm-task/service/log';
import type { AuditRecord } from '@vm-task/shared/audit-record';
import { dropOldest, networkOf } from './guess-limit.ts';

const windowMs = 60_000;
/** From all addresses together: an attacker may have many. */
const guessesMax = 20;
/** Of all tokens together. */
const refusalsMax = 300;

/** Each returns when the record is stored, left out or given up, and never throws. */
export interface AuditTrail {
  act(record: AuditRecord): Promise<void>;
  /** That a role was too small; of one token and act at most once a minute. */
  refusal(record: AuditRecord): Promise<void>;
  /** That a token was wrong, or not looked at; from one address at most once a minute. */
  guess(record: AuditRecord): Promise<void>;
}

export interface AuditTrailDeps {
  /** Throws when it takes too long. */
  readonly store: (record: AuditRecord) => Promise<void>;
  /** Tells people that records are not stored. */
  readonly report: () => void;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  readonly log: Logger;
}

export function createAuditTrail({ store, report, monotonic, log }: AuditTrailDeps): AuditTrail {
  const guesses = rarely(monotonic, guessesMax);
  const refusals = rarely(monotonic, refusalsMax);
  let isFailing = false;
  const act = async (record: AuditRecord) => {
    try {
      await store(record);
      isFailing = false;
    } catch (error) {
      log.error({ err: error, record }, 'an act is not, or not for certain, in the audit log');
      if (!isFailing) report();
      isFailing = true;
    }
  };
  return {
    act,
    async refusal(record) {
      if (refusals(`${record.who?.name ?? ''} ${record.act}`)) await act(record);
    },
    async guess(record) {
      if (guesses(networkOf(record.from))) await act(record);
    },
  };
}

/** True for a key that was not there within the last minute, `max` times a minute. */
function rarely(now: () => number, max: number): (key: string) => boolean {
  const seen = new Map<string, number>();
  let [count, untilMs] = [0, 0];
  return (key) => {
    if (now() >= untilMs) [count, untilMs] = [0, now() + windowMs];
    if (count >= max || (seen.get(key) ?? 0) > now()) return false;
    count += 1;
    seen.delete(key);
    dropOldest(seen);
    seen.set(key, now() + windowMs);
    return true;
  };
}
