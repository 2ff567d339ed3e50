/** A home whose broker somebody else runs: started here from what `nats export` prints. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { issueAuthority, issueCertificate, newKey } from '@vm-task/certificates/issue';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { type Home, homeAt } from '@vm-task/shared/home';
import { sampleScope } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { type NatsServer, startNatsServer } from '@vm-task/testing/nats-server';
import { created, sampleTask } from '@vm-task/testing/sample-events';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { createBoard } from './board.ts';
import { exportConfig, externalPlace, useExternalBroker } from './external-broker.ts';
import { rotateCredentials } from './rotate-credentials.ts';

const never = new AbortController().signal;

/** A certificate for `localhost` of an authority that is not the home's; its own is in `ca.pem`. */
async function secured(folder: string): Promise<string> {
  const [authorityKey, key] = [newKey(), newKey()];
  const validity = { days: 10, now: new Date() };
  const authority = { key: authorityKey, certificate: await issueAuthority(authorityKey, 'somebody', validity) };
  const pem = `${await issueCertificate(authority, key, ['localhost'], validity)}${key}`;
  writeFileSync(join(folder, 'ca.pem'), authority.certificate);
  writeFileSync(join(folder, 'server.pem'), pem, { mode: 0o600 });
  return `tls { cert_file: "${folder}/server.pem", key_file: "${folder}/server.pem" }`;
}

function makeHome(root: string): Home {
  const home = homeAt(join(root, 'home'));
  mkdirSync(home.run, { recursive: true });
  return home;
}

/** As `up` does; what it tells is thrown away. */
async function use(home: Home, servers: readonly NatsServer[], told: string[] = []): Promise<void> {
  const urls = servers.map(({ port }) => `tls://localhost:${port}`);
  const text = `nats: { servers: ${JSON.stringify(urls)}, ca: ../ca.pem }`;
  const place = externalPlace(home, parseConfig(text, 'test'));
  if (place === null) throw new Error('the configuration names servers');
  const board = createBoard(home, 'control', () => undefined);
  const tell = (sentence: string) => void told.push(sentence);
  await useExternalBroker({ home, scope: sampleScope, place, board, stop: never, tell }).answering;
}

const rotation = { scope: sampleScope, isUp: false, isExternal: true, signal: never, onWaiting: () => undefined };

test('its streams, users and rights are made there; a rotation holds there, too, after it has been started again', async () => {
  await using folder = await makeTempFolder('external');
  const home = makeHome(folder.path);
  const exported = await exportConfig(home, sampleScope, join(folder.path, 'accounts'));
  await using server = await startNatsServer({ config: `${exported}\n${await secured(folder.path)}` });
  await use(home, [server]);
  const task = sampleTask();
  const first = readBrokerAddress(home, 'intake');
  if ('pass' in first) throw new Error('the home is in operator mode');
  const login = first.login();
  {
    await using intake = await openConnection(first, 'intake');
    const bus = createBus(intake, 'test', silentLogger);
    expect((await bus.append(created(task), 0, never)).kind).toBe('stored');
    await expect(intake.jsm.streams.purge('EVENTS')).rejects.toThrow();
  }
  expect(await rotateCredentials(home, rotation)).toEqual([]);
  const old = () => openConnection({ ...first, login: () => login }, 'stranger');
  await expect(old()).rejects.toMatchObject({ code: 'broker-unreachable' });
  await server.stop();
  await server.restart();
  await expect(old()).rejects.toMatchObject({ code: 'broker-unreachable' });
  await use(home, [server]);
  await using intake = await openConnection(readBrokerAddress(home, 'intake'), 'intake');
  const bus = createBus(intake, 'test', silentLogger);
  expect(await bus.head({ pool: 'default', task })).toMatchObject({ type: 'task.created' });
});

test('a server that does not know the operator of the home is an error that says what it needs', async () => {
  await using folder = await makeTempFolder('external');
  const [home, other] = [makeHome(folder.path), homeAt(join(folder.path, 'other'))];
  mkdirSync(other.root);
  const exported = await exportConfig(other, sampleScope, join(folder.path, 'accounts'));
  await using server = await startNatsServer({ config: `${exported}\n${await secured(folder.path)}` });
  mkdirSync(home.credentials);
  await expect(use(home, [server])).rejects.toThrow('./vm-task nats export prints what it needs');
});

test('one that is not there is waited for, which is said; one that takes too small messages is refused', async () => {
  await using folder = await makeTempFolder('external');
  const home = makeHome(folder.path);
  const exported = await exportConfig(home, sampleScope, join(folder.path, 'accounts'));
  const secure = await secured(folder.path);
  await using server = await startNatsServer({ config: `${exported}\n${secure}\nmax_payload: 1MB` });
  await server.stop();
  const told: string[] = [];
  const used = use(home, [server], told);
  used.catch(() => undefined);
  await eventually(() => told.length > 0, { what: 'it is told' });
  await server.restart();
  await expect(used).rejects.toThrow('takes messages of 1048576 bytes');
});

/** Two that know each other. Each keeps the accounts in a folder of its own. */
async function startTwo(folder: string, home: Home): Promise<readonly [NatsServer, NatsServer]> {
  const secure = await secured(folder);
  const [first, second] = [await freePort(0), await freePort(0)];
  const start = async (name: string, own: number, other: number) => {
    const exported = await exportConfig(home, sampleScope, join(folder, name));
    const cluster = `cluster { name: both, listen: "127.0.0.1:${own}", routes: ["nats://127.0.0.1:${other}"] }`;
    return startNatsServer({ config: `${exported}\n${secure}\nserver_name: ${name}\n${cluster}` });
  };
  return Promise.all([start('one', first, second), start('two', second, first)]);
}

test('of two servers each holds what was rotated, and a connection goes on with the other one', async () => {
  await using folder = await makeTempFolder('external');
  const home = makeHome(folder.path);
  const servers = await startTwo(folder.path, home);
  await using _one = servers[0];
  await using _two = servers[1];
  await use(home, servers);
  const first = readBrokerAddress(home, 'intake');
  if ('pass' in first) throw new Error('the home is in operator mode');
  const login = first.login();
  await rotateCredentials(home, rotation);
  for (const url of first.servers) {
    const isRefused = () =>
      openConnection({ ...first, servers: [url], login: () => login }, 'stranger').then(
        async (connection) => {
          await connection[Symbol.asyncDispose]();
          return false;
        },
        () => true,
      );
    await eventually(isRefused, { what: `${url} refuses what was before` });
  }
  await using intake = await openConnection(readBrokerAddress(home, 'intake'), 'intake');
  const before = intake.nc.getServer();
  await servers.find(({ port }) => before.endsWith(`:${port}`))?.kill();
  for await (const { type } of intake.nc.status()) if (type === 'reconnect') break;
  expect(intake.nc.getServer()).not.toBe(before);
});
