import { mkdirSync, writeFileSync } from 'node:fs';
import { parseConfig } from '@vm-task/service/config';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { Webhook as Signer } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { openWebhooks } from './open-webhooks.ts';

const config = parseConfig('alerts: { webhooks: { pager: { url: "https://example.org/hook", secret: key } } }', 'test');
const base64 = Buffer.alloc(32, 0xfb).toString('base64');

async function open(key: string | null) {
  await using folder = await makeTempFolder('webhooks');
  const home = homeAt(folder.path);
  mkdirSync(home.secrets);
  if (key !== null) writeFileSync(home.secret('key'), key, { mode: 0o600 });
  return await openWebhooks(home, config);
}

test.each([base64, `whsec_${base64}`, `whsec_${base64}\n`])('the key %j signs as others with it do', async (key) => {
  const [webhook] = await open(key);
  const now = new Date();
  expect(webhook?.signer.sign('id', now, '{}')).toBe(new Signer(base64).sign('id', now, '{}'));
});

test.each([
  [null, /secret "key" cannot be read: there is no .*; write the value there, mode 0600/],
  ['hunter2hunter2', /is no signing key for the webhook "pager": 24 to 64 random bytes in base64/],
  ['not base64 at all, and long enough', /is no signing key/],
  [Buffer.alloc(23).toString('base64'), /is no signing key/],
  [Buffer.alloc(65).toString('base64'), /is no signing key/],
])('the key %j is refused with a sentence', async (key, sentence) => {
  await expect(open(key)).rejects.toMatchObject({ code: 'secret-unusable', message: expect.stringMatching(sentence) });
});

test.each([
  ['url: "ftp://example.org/", secret: key', /url: must be an address that begins with https/],
  ['url: "https://example.org/", secret: key, allow: [10.0.0.0/33]', /allow/],
  ['url: "https://example.org/"', /secret/],
])('a webhook of %s is refused with a sentence', (webhook, sentence) => {
  expect(() => parseConfig(`alerts: { webhooks: { pager: { ${webhook} } } }`, 'test')).toThrow(sentence);
});
