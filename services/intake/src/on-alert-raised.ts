/** Handles alert.raised. Emits: nothing. Each alert goes to the inboxes of those who want them, and to every webhook. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome, reject, retry } from '@vm-task/bus/outcome';
import type { SystemConfig } from '@vm-task/service/config';
import { backOffMs } from '@vm-task/shared/back-off';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { EventData, Stored } from '@vm-task/shared/events';
import type { MessageId } from '@vm-task/shared/ids';
import type { Sending } from '@vm-task/shared/inbox';
import { messageIdFromCause } from '@vm-task/shared/new-ids';
import type { Priority } from '@vm-task/shared/priorities';
import type { Post, Webhook } from './alerts/webhook.ts';

export interface AlertDeps {
  readonly config: Pick<SystemConfig, 'alerts' | 'inbox'>;
  readonly webhooks: readonly Webhook[];
  readonly send: (sending: Sending, options: { id: MessageId; keepMs: number; since: Date }) => Promise<unknown>;
  /** @throws `webhook-failed`. */
  readonly post: (webhook: Webhook, post: Post, signal: AbortSignal) => Promise<void>;
  /** Has the effect unless it is known to have been had. */
  readonly once: (key: string, effect: () => Promise<void>) => Promise<unknown>;
  readonly now: () => number;
}

type Alert = Stored<'alert.raised'>;

/** Growing from a moment to an hour: a receiver that is restarted is soon told, one that is away is not pestered. */
const pauses = { firstMs: 2_000, longestMs: 3_600_000 };

const priorityOf: Readonly<Record<EventData<'alert.raised'>['severity'], Priority>> = {
  info: 'info',
  warning: 'normal',
  critical: 'urgent',
};

export async function onAlertRaised(deps: AlertDeps, handling: Handling<Stored>): Promise<HandlerOutcome> {
  const { event: alert, deliveries, signal, log } = handling;
  if (alert.type !== 'alert.raised') throw new Error(`${alert.type} is no alert`);
  const { severity, kind, text, links = [] } = alert.data;
  // An inbox that is full holds up no webhook.
  const told = tell(deps, alert, 'alert', { priority: priorityOf[severity], from: kind, text, links });
  const posting = Promise.all(deps.webhooks.map((webhook) => deliver(deps, webhook, alert, signal)));
  await Promise.allSettled([told, posting]);
  await told;
  const failures = (await posting).flat();
  if (failures.length === 0) return done();
  const reason = failures.map(({ error }) => error.message).join('; ');
  const ageMs = deps.now() - alert.time.getTime();
  if (failures.some(({ webhook }) => ageMs < webhook.retryForMs)) {
    log.warn({ reason, deliveries }, 'a webhook did not take an alert; it is tried again');
    return retry(backOffMs(pauses, deliveries), reason);
  }
  // No alert reports this one, because it would go to the same webhooks.
  const undelivered = `an alert was not taken (${reason}): ${text}\nSee ./vm-task deadletter list; replay tries it again`;
  await tell(deps, alert, 'undelivered', { priority: 'normal', from: 'webhooks', text: undelivered, links });
  return reject(reason);
}

/** In every inbox once, however often; gone as if it had been sent when the alert was raised. */
async function tell(deps: AlertDeps, alert: Alert, what: string, message: Omit<Sending, 'to'>): Promise<void> {
  const keepMs = deps.config.inbox.keep[message.priority];
  for (const to of deps.config.alerts.to) {
    await deps.send({ ...message, to }, { id: idOf(alert, what, to), keepMs, since: alert.time });
  }
}

interface Failure {
  readonly webhook: Webhook;
  readonly error: Error;
}

async function deliver(deps: AlertDeps, webhook: Webhook, alert: Alert, signal: AbortSignal): Promise<Failure[]> {
  const id = idOf(alert, 'alert');
  const { v: _, ...data } = alert.data;
  const body = JSON.stringify({ type: alert.type, timestamp: alert.time.toISOString(), data });
  try {
    await deps.once(`intake-alert-raised.${webhook.name}.${id}`, () => deps.post(webhook, { id, body }, signal));
    return [];
  } catch (error) {
    if (!(error instanceof VmTaskError) || errorInfo(error).code !== 'webhook-failed') throw error;
    return [{ webhook, error }];
  }
}

/** An alert of one kind about one thing can be raised again another day, so its own id does not tell it apart. */
function idOf({ time, seq }: Alert, ...what: readonly string[]): MessageId {
  return messageIdFromCause(time.getTime(), 'EVENTS', String(seq), ...what);
}
