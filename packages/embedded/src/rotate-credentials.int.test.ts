import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { credentialFile, readBrokerAddress } from '@vm-task/bus/credentials';
import { loginAnew } from '@vm-task/bus/login-anew';
import { silentLogger } from '@vm-task/service/log';
import { sampleScope } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { created, sampleTask } from '@vm-task/testing/sample-events';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, it } from 'vitest';
import { startEmbedded } from '../test/embedded-broker.ts';
import { rotateCredentials } from './rotate-credentials.ts';

const never = new AbortController().signal;

it('gives every user new credentials while one works, and then nothing of before is let in', async () => {
  await using folder = await makeTempFolder('rotation');
  await using server = await startEmbedded(folder.path);
  const { home } = server;
  const before = readBrokerAddress(home, 'intake');
  if ('pass' in before) throw new Error('the home is in operator mode');
  const login = before.login();
  const ended = new AbortController();
  await using intake = await server.connect('intake');
  const following = loginAnew(intake, credentialFile(home, 'intake'), ended.signal, silentLogger);
  const bus = createBus(intake, 'test', silentLogger);
  let isRotated = false;
  const working = (async () => {
    let stored = 0;
    while (!isRotated) {
      const appended = await bus.append(created(sampleTask()), 0, never);
      expect(appended.kind).toBe('stored');
      stored++;
    }
    return stored;
  })();
  const waited: string[] = [];
  const onWaiting = (names: readonly string[]) => void waited.push(...names);
  await rotateCredentials(home, { scope: sampleScope, url: server.url, isUp: true, signal: never, onWaiting });
  isRotated = true;
  expect(await working).toBeGreaterThan(0);
  expect(waited).toContain('test intake');
  const old = openConnection({ servers: before.servers, user: 'intake', login: () => login }, 'stranger');
  await expect(old).rejects.toMatchObject({ code: 'broker-unreachable' });
  await using _again = await server.connect('intake');
  expect((await bus.append(created(sampleTask()), 0, never)).kind).toBe('stored');
  ended.abort();
  await following;
});

it('ends the connection of whoever goes on with what was before', async () => {
  await using folder = await makeTempFolder('rotation');
  await using server = await startEmbedded(folder.path);
  const { home } = server;
  const first = readBrokerAddress(home, 'submit');
  if ('pass' in first) throw new Error('the home is in operator mode');
  const login = first.login();
  await using stays = await openConnection({ ...first, login: () => login }, 'stays');
  const stop = new AbortController();
  const onWaiting = () => stop.abort(new Error('the operator waits no longer'));
  const rotating = { scope: sampleScope, url: server.url, isUp: true };
  await expect(rotateCredentials(home, { ...rotating, signal: stop.signal, onWaiting })).rejects.toThrow();
  // Both are valid until somebody says otherwise.
  await stays.nc.flush();
  await rotateCredentials(home, { ...rotating, isUp: false, signal: never, onWaiting });
  await server.restart();
  let isRefused = false;
  void (async () => {
    for await (const { type } of stays.nc.status()) if (type === 'error') isRefused = true;
  })();
  await eventually(() => isRefused || stays.nc.isClosed(), { what: 'the old credential is refused' });
  await using _submitter = await server.connect('submit');
});
