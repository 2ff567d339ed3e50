/** Alerts at work: `on-alert-raised.ts` with the effects that it has, on the broker and at the webhooks. */
import type { Bus } from '@vm-task/bus/bus';
import { sendMessage } from '@vm-task/bus/inbox';
import { unlessProcessed } from '@vm-task/bus/processed';
import type { SystemConfig } from '@vm-task/service/config';
import { flow } from '@vm-task/shared/flow';
import type { Home } from '@vm-task/shared/home';
import { openWebhooks } from './alerts/open-webhooks.ts';
import { postTo } from './alerts/webhook.ts';
import { type AlertDeps, onAlertRaised } from './on-alert-raised.ts';

export interface AlertWork {
  readonly bus: Bus;
  readonly config: SystemConfig;
  readonly home: Home;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

/** Each may wait for a webhook that does not answer. */
const slots = 16;

/** Works until `stop`. @throws `secret-unusable` when a webhook has no key. */
export async function workAlerts({ bus, config, home, ...drain }: AlertWork): Promise<void> {
  const { connection } = bus;
  const deps: AlertDeps = {
    config,
    webhooks: await openWebhooks(home, config),
    send: (sending, options) => sendMessage(connection, sending, options),
    post: (webhook, post, signal) => postTo(webhook, post, new Date(), signal),
    once: (key, effect) => unlessProcessed(connection, key, effect),
    now: Date.now,
  };
  const options = { slots, past: true, ...drain };
  await bus.workEvents(flow.intakeOnAlertRaised, (handling) => onAlertRaised(deps, handling), options);
}
