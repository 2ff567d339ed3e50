/** Handles any event. Emits: nothing. Follows the stream into the projection, in batches while it catches up. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@vm-task/shared/bus/bus';
import { type RawMessage, unseal } from '@vm-task/shared/bus/envelope';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import type { Logger } from '@vm-task/shared/log';
import type { Projection, Step } from './projection/projection.ts';

/** A transaction costs about as much as twenty inserts; larger batches gain nothing and hold up readers. */
const batchMessages = 500;
/** One task may have megabytes. */
const batchBytes = 16 * 1024 * 1024;
/** An event that comes alone is shown at once; then so long is waited for others, so that load costs few transactions. */
const gatherMs = 10;
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
  let steps: Step[] = [];
  let bytes = 0;
  for await (const { message, pending } of bus.follow({ filters, from: projection.position + 1, signal: stop })) {
    steps.push({ seq: message.seq, event: readable(message, log) });
    bytes += message.data.length;
    if (pending > 0 && steps.length < batchMessages && bytes < batchBytes) continue;
    if (!(await applied(projection, steps, log, stop))) return;
    steps = [];
    bytes = 0;
    if (pending === 0) await delay(gatherMs, undefined, { signal: stop }).catch(() => undefined);
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
