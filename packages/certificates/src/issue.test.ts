import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { isGood, type Wanted } from './is-good.ts';
import { type Authority, issueAuthority, issueCertificate, newKey } from './issue.ts';

const now = new Date();
const dayMs = 86_400_000;
const names = ['localhost', '127.0.0.1', '::1', 'vm.example', '2001:db8::7:0:1'];

async function newAuthority(days = 100): Promise<Authority> {
  const key = newKey();
  return { key, certificate: await issueAuthority(key, 'an authority', { days, now }) };
}

/** What somebody who trusts `ca` alone says of a server with this certificate, reached under that name. */
async function tryServer(cert: string, key: string, ca: string, servername: string): Promise<string> {
  const server = createServer({ cert, key, minVersion: 'TLSv1.3' }).on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ca, servername });
  const said = await once(socket, 'secureConnect').then(
    () => 'proved',
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
  socket.destroy();
  server.close();
  await once(server, 'close');
  return said;
}

test('a certificate is proved by its authority, under its names alone, and by no other authority', async () => {
  const [authority, other] = [await newAuthority(), await newAuthority()];
  const key = newKey();
  const certificate = await issueCertificate(authority, key, names, { days: 10, now });
  for (const name of ['localhost', 'vm.example'])
    expect(await tryServer(certificate, key, authority.certificate, name)).toBe('proved');
  expect(await tryServer(certificate, key, authority.certificate, 'evil.example')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  expect(await tryServer(certificate, key, other.certificate, 'localhost')).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  const wanted = { key, now, leftMs: 9 * dayMs, names, authority: authority.certificate };
  expect(isGood(certificate, wanted)).toBe(true);
});

test('an authority that is issued again under its key proves what it had signed before', async () => {
  const authority = await newAuthority();
  const key = newKey();
  const certificate = await issueCertificate(authority, key, names, { days: 10, now });
  const again = await issueAuthority(authority.key, 'an authority', { days: 200, now });
  expect(await tryServer(certificate, key, again, 'localhost')).toBe('proved');
  const later = await issueCertificate({ ...authority, certificate: again }, key, names, { days: 10, now });
  expect(await tryServer(later, key, authority.certificate, 'localhost')).toBe('proved');
});

test.each<[string, () => Partial<Wanted>]>([
  ['ends soon', () => ({ leftMs: 11 * dayMs })],
  ['has not begun', () => ({ now: new Date(now.getTime() - 2 * dayMs) })],
  ['is for other names', () => ({ names: ['vm.example', '127.0.0.2'] })],
  ['is of another key', () => ({ key: newKey() })],
])('a certificate is no longer good when it %s', async (_, alter) => {
  const authority = await newAuthority();
  const key = newKey();
  const certificate = await issueCertificate(authority, key, names, { days: 10, now });
  const good = { key, now, leftMs: 0, names, authority: authority.certificate };
  expect(isGood(certificate, good)).toBe(true);
  expect(isGood(certificate, { ...good, ...alter() })).toBe(false);
});

test('a certificate of another authority is not good, and years from 2050 on are told', async () => {
  const [authority, other] = [await newAuthority(), await newAuthority(20_000)];
  const key = newKey();
  const certificate = await issueCertificate(authority, key, names, { days: 10, now });
  expect(isGood(certificate, { key, now, leftMs: 0, authority: other.certificate })).toBe(false);
  expect(isGood(other.certificate, { key: other.key, now, leftMs: 19_999 * dayMs })).toBe(true);
});
