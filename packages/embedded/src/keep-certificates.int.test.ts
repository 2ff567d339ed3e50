import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { issueCertificate, newKey } from '@vm-task/certificates/issue';
import { parseConfig } from '@vm-task/service/config';
import type { Home } from '@vm-task/shared/home';
import { eventually } from '@vm-task/testing/conditions';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { type EmbeddedBroker, startEmbedded } from '../test/embedded-broker.ts';
import { authorityFile, brokerCertificate } from './home-certificates.ts';
import { renewCertificates } from './keep-certificates.ts';
import { reloadBroker } from './processes.ts';

const config = parseConfig('http: { tls: true, names: [vm.example] }', 'test');

/** Of the certificate that the broker shows, and how it speaks. */
async function shownBy({ home, url }: EmbeddedBroker) {
  const plain = connectPlain(Number(new URL(url).port), '127.0.0.1');
  await once(plain, 'data');
  const socket = connect({ socket: plain, servername: 'localhost', ca: readFileSync(authorityFile(home)) });
  await once(socket, 'secureConnect');
  const shown = { serial: socket.getPeerCertificate().serialNumber, protocol: socket.getProtocol() };
  socket.destroy();
  return shown;
}

async function put(home: Home, days: number): Promise<void> {
  const authority = {
    key: readFileSync(join(home.credentials, 'ca-key.pem'), 'utf8'),
    certificate: readFileSync(authorityFile(home), 'utf8'),
  };
  const key = newKey();
  const names = ['localhost', '127.0.0.1', '::1'];
  const certificate = await issueCertificate(authority, key, names, { days, now: new Date() });
  writeFileSync(brokerCertificate(home), `${certificate}${key}`);
}

test('a certificate that ends soon is replaced while the broker runs; whoever is connected stays so', async () => {
  await using folder = await makeTempFolder('certificates');
  await using server = await startEmbedded(folder.path);
  const before = await shownBy(server);
  expect(before.protocol).toBe('TLSv1.3');
  await using intake = await server.connect('intake');
  const seen: string[] = [];
  void (async () => {
    for await (const { type } of intake.nc.status()) seen.push(type);
  })();
  await renewCertificates(server.home, config);
  expect(await shownBy(server)).toEqual(before);
  await put(server.home, 10);
  await renewCertificates(server.home, config);
  await eventually(async () => (await shownBy(server)).serial !== before.serial, { what: 'it shows another one' });
  await intake.nc.flush();
  expect(seen).not.toContain('disconnect');
  await using _later = await server.connect('provisioner');
  expect(readFileSync(server.home.httpCertificate, 'utf8')).toContain('PRIVATE KEY');
});

test('a certificate that has ended, because the host slept for long, keeps nobody out for longer than the next look', async () => {
  await using folder = await makeTempFolder('certificates');
  await using server = await startEmbedded(folder.path);
  await put(server.home, -0.5);
  reloadBroker(server.home);
  const ended = async () => {
    await using _intake = await server.connect('intake');
    return false;
  };
  const why = (error: Error) => error.message.includes('certificate has expired');
  await eventually(() => ended().catch(why), { what: 'nobody is let in' });
  await renewCertificates(server.home, config);
  const isLetIn = async () => {
    await using _intake = await server.connect('intake');
    return true;
  };
  await eventually(() => isLetIn().catch(() => false), { what: 'whoever comes is let in' });
});

test('a client that waits for the word of the server first, as most do, is served over TLS too; one without TLS is not', async () => {
  await using folder = await makeTempFolder('certificates');
  await using server = await startEmbedded(folder.path);
  const address = readBrokerAddress(server.home, 'submit');
  const ca = authorityFile(server.home);
  {
    await using submitter = await openConnection({ ...address, tls: { ca } }, 'test');
    await submitter.nc.flush();
  }
  await expect(openConnection({ ...address, tls: {} }, 'test')).rejects.toMatchObject({ code: 'broker-unreachable' });
  await expect(openConnection({ ...address, tls: undefined }, 'test')).rejects.toMatchObject({
    code: 'broker-unreachable',
  });
});
