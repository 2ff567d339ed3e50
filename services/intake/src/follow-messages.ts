/** The messages of `INBOX`, as they come, into the counts of teams. */
import type { Connection } from '@vm-task/bus/connection';
import { followMessages, type Kept } from '@vm-task/bus/inbox';
import type { Logger } from '@vm-task/service/log';
import { openBatch } from './projection/batch.ts';
import type { MessageCounts } from './projection/team-messages.ts';

/** Follows until `stop`. */
export async function countMessagesOfTeams(
  connection: Connection,
  counts: MessageCounts,
  { log, stop }: { readonly log: Logger; readonly stop: AbortSignal },
): Promise<void> {
  using batch = openBatch<Kept>(counts, log);
  for await (const kept of followMessages(connection, '*', counts.position, stop)) {
    batch.add(kept, kept.message.text.length);
    await batch.room(stop);
  }
}
