/** Handles any event. Emits: nothing. The log is folded into what is live, from where a checkpoint stands and then as it grows. */
import type { Bus } from '@vm-task/bus/bus';
import { decode } from '@vm-task/bus/envelope';
import type { Head } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';

export interface Following {
  readonly bus: Pick<Bus, 'follow'>;
  /** The first sequence that is read. */
  readonly from: number;
  /** Null for a message that is no event. */
  readonly take: (seq: number, event: Head | null) => void;
  /** Called when the log is read to its end, and after every event from then on. */
  readonly onCaughtUp: () => void;
  readonly stop: AbortSignal;
}

/** Follows until `stop`. */
export async function onAnyEvent({ bus, from, take, onCaughtUp, stop }: Following): Promise<void> {
  const { filter } = flow.reaperOnAnyEvent;
  for await (const { message, pending } of bus.follow({ filter, from, signal: stop })) {
    const decoded = decode(message);
    take(message.seq, decoded.kind === 'event' ? decoded.event : null);
    if (pending === 0) onCaughtUp();
  }
}
