/** The configured webhooks, each with its signing key. */
import type { SystemConfig, WebhookConfig } from '@vm-task/service/config';
import { readSecret } from '@vm-task/service/secret-file';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { Webhook as Signer } from 'standardwebhooks';
import type { Webhook } from './webhook.ts';

/** What Standard Webhooks asks of a key. */
const [keyMinBytes, keyMaxBytes] = [24, 64];

/** @throws `secret-unusable`, so that a key that is missing is noticed at the start and not at the first alert. */
export function openWebhooks(home: Home, { alerts }: Pick<SystemConfig, 'alerts'>): Promise<Webhook[]> {
  const opened = Object.entries(alerts.webhooks).map(([name, config]) => openWebhook(home, name, config));
  return Promise.all(opened);
}

async function openWebhook(
  home: Home,
  name: string,
  { url, secret, allow, retryFor }: WebhookConfig,
): Promise<Webhook> {
  const key = (await readSecret(home, secret)).trim().replace(/^whsec_/, '');
  const bytes = Buffer.from(key, 'base64');
  const isBase64 = bytes.toString('base64').replace(/=+$/, '') === key.replace(/=+$/, '');
  if (!isBase64 || bytes.length < keyMinBytes || bytes.length > keyMaxBytes) {
    throw new VmTaskError(
      'secret-unusable',
      `${home.secret(secret)} is no signing key for the webhook "${name}": ${keyMinBytes} to ${keyMaxBytes} random bytes in base64, such as openssl rand -base64 32 gives`,
    );
  }
  return { name, url, allow, retryForMs: retryFor, signer: new Signer(bytes, { format: 'raw' }) };
}
