/** A home whose broker somebody else runs, by the steps of docs/external-nats.md, and a task there from its beginning to its end. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { signOwner } from '@vm-task/bus/operator';
import { issueAuthority, issueCertificate, newKey } from '@vm-task/certificates/issue';
import { createBoard } from '@vm-task/embedded/board';
import { externalPlace, useExternalBroker } from '@vm-task/embedded/external-broker';
import { readKeys } from '@vm-task/embedded/operator-keys';
import { cliMain } from '@vm-task/embedded/repository';
import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { anyHost } from '@vm-task/shared/events';
import { type Home, homeAt } from '@vm-task/shared/home';
import { type Broker, sampleScope } from '@vm-task/testing/broker';
import { type NatsServer, startNatsServer } from '@vm-task/testing/nats-server';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { startSystem } from './system.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/external-nats.md'), 'utf8');
const never = new AbortController().signal;

/** The only block of that language on the page. */
function blockOf(language: string): string {
  const [, block = ''] = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page) ?? [];
  expect(block).not.toBe('');
  return block.replace(/^ {3}/gm, '');
}

/** The files that the page has somebody put beside the server and into the home. */
async function certify(folder: string, home: Home): Promise<void> {
  const [authorityKey, key] = [newKey(), newKey()];
  const validity = { days: 10, now: new Date() };
  const authority = { key: authorityKey, certificate: await issueAuthority(authorityKey, 'somebody', validity) };
  writeFileSync(join(folder, 'server.pem'), await issueCertificate(authority, key, ['localhost'], validity));
  writeFileSync(join(folder, 'server-key.pem'), key, { mode: 0o600 });
  writeFileSync(join(home.root, 'nats-ca.pem'), authority.certificate);
}

async function startByThePage(folder: string, home: Home): Promise<NatsServer> {
  const [, words = ''] = /\.\/vm-task (.*) > vm-task\.conf/.exec(blockOf('sh')) ?? [];
  const args = words.replace('/etc/nats', folder).split(' ');
  const program = ['--disable-warning=ExperimentalWarning', cliMain, ...args, '--home', home.root];
  const { stdout } = await promisify(execFile)(process.execPath, program);
  const config = blockOf('conf')
    .replaceAll('/etc/nats', folder)
    .replace('/var/lib/nats', join(folder, 'store'))
    .replace('0.0.0.0', '127.0.0.1')
    .replace('include vm-task.conf', () => stdout);
  return startNatsServer({ config });
}

/** Who connects to it does so as the owner of its streams. */
function connectTo(home: Home, place: NonNullable<ReturnType<typeof externalPlace>>): Broker['connect'] {
  return async ({ host = anyHost, patience } = {}) => {
    const keys = readKeys(home);
    if (keys === null) throw new Error('the home has been up');
    const login = await signOwner(keys, 'MAIN');
    const connection = await openConnection({ ...place, user: 'test', login: () => login }, 'test', patience);
    const bus = createBus(connection, 'vm-task/test', silentLogger, host);
    return { connection, bus, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() };
  };
}

test('a task runs on a server that was set up by the page, and the next one after that has been started again', async () => {
  await using folder = await makeTempFolder('external');
  const home = homeAt(join(folder.path, 'home'));
  mkdirSync(home.run, { recursive: true });
  writeFileSync(home.host, JSON.stringify({ id: sampleScope.host }));
  await certify(folder.path, home);
  await using server = await startByThePage(folder.path, home);
  const config = parseConfig(blockOf('yaml').replace('nats.example:4222', `localhost:${server.port}`), 'the page');
  const place = externalPlace(home, config);
  if (place === null) throw new Error('the page names servers');
  const board = createBoard(home, 'control', () => undefined);
  const external = { home, scope: sampleScope, place, board, stop: never, tell: () => undefined };
  await useExternalBroker(external).answering;
  const connect = connectTo(home, place);
  await using own = await connect();
  const broker: Broker = {
    ...{ server, connect, connection: own.connection, bus: own.bus },
    credentialsOf: () => Promise.reject(new Error('the home has them')),
    [Symbol.asyncDispose]: async () => undefined,
  };
  await using system = await startSystem({ broker });
  const first = await system.submit({ run: 'echo one' });
  expect(await system.headOf(first, 'task.completed')).toMatchObject({ data: { outcome: 'succeeded' } });
  await server.stop();
  await server.restart();
  const second = await system.submit({ run: 'echo two' });
  expect(await system.headOf(second, 'task.completed')).toMatchObject({ data: { outcome: 'succeeded' } });
});
