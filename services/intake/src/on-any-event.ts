/** Handles any event. Emits: nothing. Follows the stream into the projection, in batches while it catches up. */
import type { Bus } from '@vm-task/bus/bus';
import { type RawMessage, unseal } from '@vm-task/bus/envelope';
import type { Logger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import { openBatch } from './projection/batch.ts';
import type { Projection } from './projection/projection.ts';

export interface FollowDeps {
  readonly bus: Pick<Bus, 'follow'>;
  readonly projection: Projection;
  readonly log: Logger;
}

/** Follows until `stop`. */
export async function onAnyEvent({ bus, projection, log }: FollowDeps, stop: AbortSignal): Promise<void> {
  const { filters } = flow.intakeOnAnyEvent;
  using batch = openBatch(projection, log);
  for await (const { message } of bus.follow({ filters, from: projection.position + 1, signal: stop })) {
    batch.add({ seq: message.seq, event: readable(message, log) }, message.data.length);
    await batch.room(stop);
  }
}

/** What cannot be read is skipped here: whoever handles events of that kind makes it a dead letter. */
function readable(message: RawMessage, log: Logger): Stored | null {
  try {
    return unseal(message);
  } catch (error) {
    if (!(error instanceof VmTaskError)) throw error;
    log.warn({ seq: message.seq, subject: message.subject, reason: error.message }, 'an event that cannot be shown');
    return null;
  }
}
