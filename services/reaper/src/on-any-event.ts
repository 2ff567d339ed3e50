/** Handles any event. Emits: nothing. The log is folded into deadlines, from its beginning and then as it grows. */
import type { Bus } from '@vm-task/bus/bus';
import { unseal } from '@vm-task/bus/envelope';
import type { Logger } from '@vm-task/service/log';
import type { Stored } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';

export interface Following {
  readonly bus: Pick<Bus, 'follow'>;
  readonly take: (event: Stored) => void;
  /** Called when the log is read to its end, and after every event from then on. */
  readonly onNews: () => void;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

/** Follows until `stop`. What cannot be read is passed over: whoever works on it makes it a dead letter. */
export async function onAnyEvent({ bus, take, onNews, log, stop }: Following): Promise<void> {
  const filters = flow.reaperOnAnyEvent.filters;
  for await (const { message, pending } of bus.follow({ filters, from: 1, signal: stop })) {
    try {
      take(unseal(message));
    } catch (error) {
      log.warn({ err: error, seq: message.seq }, 'an event that cannot be read has no deadline');
    }
    if (pending === 0) onNews();
  }
}
