/** Handles any event. Emits: nothing. Follows the stream into the projection, in batches while it catches up. */
import type { Bus } from '@vm-task/bus/bus';
import { decode, type RawMessage } from '@vm-task/bus/envelope';
import { reportForeign, reportUnknown } from '@vm-task/bus/report-unknown';
import type { Logger } from '@vm-task/service/log';
import type { Head } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import { recordForeign } from './measurements.ts';
import { openBatch } from './projection/batch.ts';
import type { Projection } from './projection/projection.ts';

export interface FollowDeps {
  readonly bus: Pick<Bus, 'follow' | 'announce' | 'host'>;
  readonly projection: Projection;
  readonly log: Logger;
}

/** Follows until `stop`. People are told, once, of what is no event, and of what this version cannot read. */
export async function onAnyEvent({ bus, projection, log }: FollowDeps, stop: AbortSignal): Promise<void> {
  const { filter } = flow.intakeOnAnyEvent;
  using batch = openBatch(projection, log);
  for await (const { message } of bus.follow({ filter, from: projection.position + 1, signal: stop })) {
    batch.add({ seq: message.seq, event: eventIn({ bus, log }, message, stop) }, message.data.length);
    await batch.room(stop);
  }
}

function eventIn({ bus, log }: Pick<FollowDeps, 'bus' | 'log'>, message: RawMessage, stop: AbortSignal): Head | null {
  const decoded = decode(message);
  const about = { seq: message.seq, subject: message.subject };
  const failed = (error: unknown) => {
    if (!stop.aborted) log.warn({ err: error, ...about }, 'a message could not be reported');
  };
  if (decoded.kind === 'none') {
    const { why, host } = decoded;
    recordForeign(host ?? 'none');
    log.warn({ ...about, why }, 'a message that is no event');
    reportForeign(bus, { ...about, host, why }, stop).catch(failed);
    return null;
  }
  const { event } = decoded;
  if (event.type === 'unknown') {
    log.warn({ ...about, why: event.why }, 'an event that cannot be read here');
    reportUnknown(bus, event, stop).catch(failed);
  }
  return event;
}
