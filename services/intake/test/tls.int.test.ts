/** The HTTP API over TLS, as others reach it. The certificate is for vm.example and 127.0.0.1. */
import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Home } from '@vm-task/shared/home';
import { expect, test } from 'vitest';
import { makeHome, startAndFail, startIntakeBroker, startIntakeOverTls, token } from './intake-process.ts';

const certificate = (name: string) => join(import.meta.dirname, 'certificate', name);

function configure(home: Home): void {
  for (const name of ['cert.pem', 'key.pem']) copyFileSync(certificate(name), join(home.root, name));
  chmodSync(join(home.root, 'key.pem'), 0o600);
  writeFileSync(home.config, 'http: { port: 0, tls: { cert: cert.pem, key: key.pem } }');
}

interface Asking {
  readonly ca?: string;
  readonly host?: string;
}

async function ask(url: string, { ca, host }: Asking) {
  const headers = { authorization: `Bearer ${token}`, ...(host === undefined ? {} : { host }) };
  // Node would look for the host of the header in the certificate.
  const trust = { ...(ca === undefined ? {} : { ca }), ...(host === undefined ? {} : { servername: 'vm.example' }) };
  const asking = request(new URL('/v1/pools', url), { headers, agent: false, ...trust }).end();
  const [answer] = await once(asking, 'response');
  return { status: answer.statusCode as number, body: await text(answer) };
}

test('who knows the certificate is answered, by address and by its names; without TLS nothing is', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  configure(folder.home);
  const key = join(folder.home.root, 'key.pem');
  chmodSync(key, 0o640);
  expect(await startAndFail(folder.home)).toMatch(/http.tls: .*others may read the key; run chmod 600/);
  chmodSync(key, 0o600);
  await using intake = await startIntakeOverTls(folder.home);
  const ca = readFileSync(certificate('cert.pem'), 'utf8');
  expect(intake.url).toMatch(/^https:/);
  expect((await ask(intake.url, { ca })).status).toBe(200);
  expect((await ask(intake.url, { ca, host: 'vm.example:7788' })).status).toBe(200);
  expect((await ask(intake.url, { ca, host: 'evil.example' })).status).toBe(421);
  await expect(ask(intake.url, {})).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const plain = requestHttp(intake.url.replace('https', 'http'), { agent: false }).end();
  await expect(once(plain, 'response')).rejects.toThrow();
  expect(await intake.stop()).toBe(0);
});
