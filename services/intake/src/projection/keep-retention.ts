/** Retention, for as long as the service lives. By the broker's clock, as the stream's own: a host's may be set wrong for a minute. */
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from '@vm-task/service/log';
import { beginningOfNewest, dropEndedBefore } from './drop-ended.ts';
import { dropOldDays } from './team-days.ts';
import { dropGoneMessages } from './team-messages.ts';

export interface Retention {
  readonly db: DatabaseSync;
  /** The broker's time. */
  readonly now: () => Promise<Date>;
  readonly retentionMs: number;
  /** Undefined: there may be any number. */
  readonly maxTasks: number | undefined;
  readonly log: Logger;
}

/**
 * Forgets at each turn of `ticks` what is old enough. A disk that is full and a broker that is away are waited out: what
 * could not be forgotten is so at a later turn.
 */
export async function keepRetention(
  { db, now, retentionMs, maxTasks, log }: Retention,
  ticks: AsyncIterable<void>,
): Promise<void> {
  for await (const _tick of ticks) {
    try {
      const nowMs = (await now()).getTime();
      dropOldDays(db, nowMs);
      dropGoneMessages(db, nowMs);
      const oldMs = nowMs - retentionMs;
      const newestMs = maxTasks === undefined ? null : beginningOfNewest(db, maxTasks);
      const before = Math.max(oldMs, newestMs ?? oldMs);
      while (!dropEndedBefore(db, before)) await setImmediate();
    } catch (error) {
      log.warn({ err: error }, 'what has ended could not be forgotten; trying again');
    }
  }
}
