import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueAuthority, issueCertificate, newKey } from '@vm-task/certificates/issue';
import { type Home, homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { authorityFile, brokerCertificate, renewBrokerCertificate, renewHttpCertificate } from './home-certificates.ts';

const validity = (days: number) => ({ days, now: new Date() });

async function makeHome() {
  const folder = await makeTempFolder('certificates');
  const home = homeAt(folder.path);
  mkdirSync(home.credentials, { mode: 0o700 });
  return { home, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const read = (file: string) => readFileSync(file, 'utf8');
const keyFile = (home: Home) => join(home.credentials, 'ca-key.pem');
const authorityOf = (home: Home) => ({ key: read(keyFile(home)), certificate: read(authorityFile(home)) });

test('they are made once, for the loopback, and only their owner may read them', async () => {
  await using made = await makeHome();
  const { home } = made;
  expect(await renewBrokerCertificate(home)).toBe(true);
  const [certificate, authority] = [read(brokerCertificate(home)), authorityOf(home)];
  expect(await renewBrokerCertificate(home)).toBe(false);
  expect([read(brokerCertificate(home)), authorityOf(home)]).toEqual([certificate, authority]);
  const found = new X509Certificate(certificate);
  expect(found.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  expect([found.checkHost('localhost'), found.checkIP('127.0.0.1'), found.checkIP('::1')]).not.toContain(undefined);
  for (const file of [keyFile(home), brokerCertificate(home)]) expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await renewBrokerCertificate(home, 'in any case')).toBe(true);
  expect(read(brokerCertificate(home))).not.toBe(certificate);
});

test('a certificate near its end, of another authority or for other names is made anew', async () => {
  await using made = await makeHome();
  const { home } = made;
  await renewBrokerCertificate(home);
  const key = newKey();
  const names = ['localhost', '127.0.0.1', '::1'];
  writeFileSync(
    brokerCertificate(home),
    `${await issueCertificate(authorityOf(home), key, names, validity(20))}${key}`,
  );
  expect(await renewBrokerCertificate(home)).toBe(true);
  expect(await renewHttpCertificate(home, ['vm.example'])).toBe(true);
  expect(await renewHttpCertificate(home, ['vm.example'])).toBe(false);
  expect(await renewHttpCertificate(home, ['vm.example', '192.0.2.7'])).toBe(true);
  rmSync(keyFile(home));
  expect(await renewBrokerCertificate(home)).toBe(true);
  expect(await renewHttpCertificate(home, [])).toBe(true);
});

test('an authority near its end goes on under its key, and what it has signed stays', async () => {
  await using made = await makeHome();
  const { home } = made;
  await renewBrokerCertificate(home);
  const { key } = authorityOf(home);
  const old = await issueAuthority(key, 'vm-task', validity(1_000));
  writeFileSync(authorityFile(home), old);
  expect(await renewBrokerCertificate(home)).toBe(false);
  expect(authorityOf(home).key).toBe(key);
  const days = (new X509Certificate(read(authorityFile(home))).validToDate.getTime() - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(3_600);
  expect(new X509Certificate(read(brokerCertificate(home))).verify(new X509Certificate(old).publicKey)).toBe(true);
});

test('a file that is no certificate is named, with what to do', async () => {
  await using made = await makeHome();
  const { home } = made;
  await renewBrokerCertificate(home);
  writeFileSync(brokerCertificate(home), 'nothing');
  await expect(renewBrokerCertificate(home)).rejects.toMatchObject({
    code: 'invalid-config',
    message: expect.stringContaining('remove it, and ./vm-task up makes it anew'),
  });
});
