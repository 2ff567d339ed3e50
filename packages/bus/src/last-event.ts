/** The end of `EVENTS`, as far as there is anything to read there. */
import { eventPatterns } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';

/** The last sequence that a follower will see; 0 for none. The stream's own last sequence may have been purged. */
export async function lastEventSeq({ jsm }: Connection): Promise<number> {
  const lasts = Object.values(eventPatterns).map((pattern) =>
    jsm.streams.getMessage('EVENTS', { last_by_subj: pattern }),
  );
  return Math.max(0, ...(await Promise.all(lasts)).map((message) => message?.seq ?? 0));
}
