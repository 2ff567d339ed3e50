import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { type Receiver, signingKey, startReceiver } from '@vm-task/testing/webhook-receiver';
import { Webhook as Signer } from 'standardwebhooks';
import { expect, test, vi } from 'vitest';
import { postTo, type Webhook } from './webhook.ts';

const { signal } = new AbortController();

function webhook(url: string, allow: readonly string[] = ['127.0.0.1/32']): Webhook {
  return { name: 'pager', url, allow, retryForMs: 1_000, signer: new Signer(signingKey) };
}

const post = (to: Webhook) =>
  postTo(to, { id: 'msg-1', body: '{"type":"alert.raised","data":{"text":"垃圾"}}' }, new Date(), signal);

test('a post is signed so that the receiver can verify it, and carries its id', async () => {
  await using receiver = await startReceiver();
  await post(webhook(receiver.url));
  expect(receiver.received).toEqual([{ id: 'msg-1', path: '/hook', type: 'alert.raised', data: { text: '垃圾' } }]);
});

test('a redirect is not followed', async () => {
  await using elsewhere = await startReceiver();
  await using receiver = await startReceiver({
    answer: (response) => void response.writeHead(307, { location: elsewhere.url }).end(),
  });
  await expect(post(webhook(receiver.url))).rejects.toMatchObject({
    code: 'webhook-failed',
    message: 'webhook "pager" answered 307; redirects are not followed, so configure where it leads to',
  });
  expect(elsewhere.requests).toBe(0);
});

test.each([
  ['loopback', (r: Receiver) => r.url],
  ['loopback by a name', (r: Receiver) => r.url.replace('127.0.0.1', 'localhost')],
  ['loopback, written as a number', (r: Receiver) => r.url.replace('127.0.0.1', '2130706433')],
  ['loopback inside IPv6', (r: Receiver) => r.url.replace('127.0.0.1', '[::ffff:127.0.0.1]')],
  ['any address', (r: Receiver) => r.url.replace('127.0.0.1', '0.0.0.0')],
  ['IPv6 loopback', (r: Receiver) => r.url.replace('127.0.0.1', '[::1]')],
  ['loopback, as another number of it', (r: Receiver) => r.url.replace('127.0.0.1', '127.255.255.254')],
  ['loopback, in octal', (r: Receiver) => r.url.replace('127.0.0.1', '0177.0.0.1')],
  ['loopback behind a translation', () => 'http://[64:ff9b::7f00:1]/'],
  ['private', () => 'http://10.0.0.1/'],
  ['private, in the middle', () => 'http://172.16.0.1/'],
  ['private, too', () => 'https://192.168.1.1/'],
  ['private inside IPv6', () => 'https://[::ffff:192.168.1.1]/'],
  ['link-local', () => 'http://[fe80::1]/'],
  ['many at once', () => 'http://224.0.0.1/'],
  ['everybody', () => 'http://255.255.255.255/'],
  ['link-local, where clouds keep their metadata', () => 'http://169.254.169.254/latest/meta-data'],
  ['unique local', () => 'http://[fd00::1]/'],
  ['shared between providers and customers', () => 'http://100.64.0.1/'],
])('an address that is %s is refused before anything is sent', async (_what, url) => {
  await using receiver = await startReceiver();
  await expect(post(webhook(url(receiver), []))).rejects.toMatchObject({
    code: 'webhook-failed',
    message: expect.stringMatching(/is not allowed/),
  });
  expect(receiver.requests).toBe(0);
});

/** Names lead where the test says, one answer after the other. */
function leadTo(...answers: readonly (readonly string[])[]) {
  const left = [...answers];
  const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((_name, _options, told) => {
    const addresses = left.shift() ?? [];
    told(null, addresses.map((address) => ({ address, family: 4 })) as never, 4);
  }) as typeof dns.lookup);
  syncBuiltinESMExports();
  return {
    lookup,
    [Symbol.dispose]() {
      lookup.mockRestore();
      syncBuiltinESMExports();
    },
  };
}

test('a name is looked up once: nobody can change it between the check and the connection', async () => {
  await using receiver = await startReceiver();
  using leading = leadTo(['127.0.0.1'], ['10.0.0.1']);
  await post(webhook(receiver.url.replace('127.0.0.1', 'hook.example')));
  expect(leading.lookup).toHaveBeenCalledTimes(1);
  expect(receiver.received).toHaveLength(1);
});

test('a name with an address among its own that is not allowed is refused', async () => {
  await using receiver = await startReceiver();
  using _leading = leadTo(['127.0.0.1', '127.0.0.2']);
  const to = webhook(receiver.url.replace('127.0.0.1', 'hook.example'));
  await expect(post(to)).rejects.toThrow(/127\.0\.0\.2.* is not allowed/);
  expect(receiver.requests).toBe(0);
});

test('allowing one range allows no other', async () => {
  await using receiver = await startReceiver();
  await expect(post(webhook(receiver.url, ['127.0.0.2/32']))).rejects.toThrow(/is not allowed/);
  expect(receiver.requests).toBe(0);
  await post(webhook(receiver.url, ['127.0.0.0/8']));
  expect(receiver.received).toHaveLength(1);
});

test.each([301, 404, 410, 429, 500])('an answer of %i is a failure', async (status) => {
  await using receiver = await startReceiver({ answer: (response) => void response.writeHead(status).end() });
  await expect(post(webhook(receiver.url))).rejects.toMatchObject({ code: 'webhook-failed' });
});

test('nobody listening is a failure, and so is a receiver that hangs up', async () => {
  let url: string;
  {
    await using receiver = await startReceiver({ answer: (response) => void response.destroy() });
    url = receiver.url;
    await expect(post(webhook(url))).rejects.toMatchObject({ code: 'webhook-failed' });
  }
  await expect(post(webhook(url))).rejects.toThrow(/webhook "pager" cannot be posted to: .*ECONNREFUSED/);
});
