/** The end of `EVENTS`, as far as there is anything to read there. */
import { eventPatterns } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';

/** The last sequence that a follower will see; 0 for none. */
export async function lastEventSeq({ jsm }: Connection): Promise<number> {
  const { state } = await jsm.streams.info('EVENTS');
  if (state.messages === 0) return 0;
  if ((await jsm.streams.getMessage('EVENTS', { seq: state.last_seq })) !== null) return state.last_seq;
  // The last one was purged, which is rare: to find the one before, the broker looks through all subjects.
  const lasts = Object.values(eventPatterns).map((pattern) =>
    jsm.streams.getMessage('EVENTS', { last_by_subj: pattern }),
  );
  return Math.max(0, ...(await Promise.all(lasts)).map((message) => message?.seq ?? 0));
}
