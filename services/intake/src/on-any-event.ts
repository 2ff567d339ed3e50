/** Handles any event. Emits: nothing. Follows the stream into the projection, in batches while it catches up. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@vm-task/shared/bus/bus';
import { type RawMessage, unseal } from '@vm-task/shared/bus/envelope';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import type { Logger } from '@vm-task/shared/log';
import { gatherEvents } from './gather-events.ts';
import type { Projection, Step } from './projection/projection.ts';

/** A full disk is waited out: the events stay in the stream. */
const retryPauseMs = 1_000;

export interface FollowDeps {
  readonly bus: Pick<Bus, 'follow'>;
  readonly projection: Projection;
  readonly log: Logger;
}

/** Follows until `stop`. */
export async function onAnyEvent({ bus, projection, log }: FollowDeps, stop: AbortSignal): Promise<void> {
  const { filters } = flow.intakeOnAnyEvent;
  const followed = bus.follow({ filters, from: projection.position + 1, signal: stop });
  for await (const batch of gatherEvents(followed)) {
    const steps = batch.map(({ message }) => ({ seq: message.seq, event: readable(message, log) }));
    if (!(await applied(projection, steps, log, stop))) return;
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

/** False when `stop` came before the batch could be written. */
async function applied(projection: Projection, steps: Step[], log: Logger, stop: AbortSignal): Promise<boolean> {
  while (!stop.aborted) {
    try {
      projection.advance(steps);
      return true;
    } catch (error) {
      log.error({ err: error, position: projection.position }, 'the projection cannot be written; trying again');
      await delay(retryPauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
  return false;
}
