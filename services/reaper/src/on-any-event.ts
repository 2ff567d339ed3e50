/** Handles any event. Emits: nothing. The log is folded into deadlines, from its beginning and then as it grows. */
import type { Bus } from '@vm-task/bus/bus';
import { decode } from '@vm-task/bus/envelope';
import type { Head } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';

export interface Following {
  readonly bus: Pick<Bus, 'follow'>;
  readonly take: (event: Head) => void;
  /** Called when the log is read to its end, and after every event from then on. */
  readonly onCaughtUp: () => void;
  readonly stop: AbortSignal;
}

/** Follows until `stop`. What is no event is passed over. */
export async function onAnyEvent({ bus, take, onCaughtUp, stop }: Following): Promise<void> {
  const { filter } = flow.reaperOnAnyEvent;
  for await (const { message, pending } of bus.follow({ filter, from: 1, signal: stop })) {
    const decoded = decode(message);
    if (decoded.kind === 'event') take(decoded.event);
    if (pending === 0) onCaughtUp();
  }
}
