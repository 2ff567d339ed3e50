/** How many messages of `EVENTS` there are on a pattern: the broker counts, so that nothing has to be listed or remembered. */
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { Connection } from './connection.ts';

/** The broker lets a consumer go by itself that nobody could delete. */
const keptMs = 10_000;

/** From the sequence `from` on. Costs the broker a look at all of its subjects: not for every second. */
export async function countMessages({ jsm }: Connection, pattern: string, from: number): Promise<number> {
  const counting = {
    filter_subject: pattern,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    inactive_threshold: nanos(keptMs),
  };
  const { name, num_pending } = await jsm.consumers.add('EVENTS', counting);
  await jsm.consumers.delete('EVENTS', name);
  return num_pending;
}
