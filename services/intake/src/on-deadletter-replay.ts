/** Handles deadletter.replay. Emits: nothing. The worker of the dead letter handles its message again, and says what follows. */
import type { Bus, Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import type { HandlerOutcome } from '@vm-task/bus/outcome';
import { askForReplay } from '@vm-task/bus/replay';

export async function onDeadletterReplay(
  { connection }: Pick<Bus, 'connection'>,
  { event, deliveries, log }: Handling<RawMessage>,
): Promise<HandlerOutcome> {
  return askForReplay(connection, { message: event, deliveries, log });
}
