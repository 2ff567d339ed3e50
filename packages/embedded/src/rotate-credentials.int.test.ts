import { readFile, rm } from 'node:fs/promises';
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { credentialFile, readBrokerAddress } from '@vm-task/bus/credentials';
import { loginAnew } from '@vm-task/bus/login-anew';
import { silentLogger } from '@vm-task/service/log';
import { homeAt } from '@vm-task/shared/home';
import { sampleScope } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { created, sampleTask } from '@vm-task/testing/sample-events';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, it, vi } from 'vitest';
import { type EmbeddedBroker, startEmbedded } from '../test/embedded-broker.ts';
import { writeBrokerFiles } from './broker-config.ts';
import { claimSide } from './claim-side.ts';
import { exportConfig } from './external-broker.ts';
import { brokerCertificate } from './home-certificates.ts';
import { keysFile } from './operator-keys.ts';
import { rotateCredentials } from './rotate-credentials.ts';

const never = new AbortController().signal;

it('gives every user new credentials while one works, and then nothing of before is let in', async () => {
  await using folder = await makeTempFolder('rotation');
  await using server = await startEmbedded(folder.path);
  const { home } = server;
  const before = readBrokerAddress(home, 'intake');
  if ('pass' in before) throw new Error('the home is in operator mode');
  const login = before.login();
  const certificate = await readFile(brokerCertificate(home), 'utf8');
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
  await rotateCredentials(home, { scope: sampleScope, isUp: true, isExternal: false, signal: never, onWaiting });
  isRotated = true;
  expect(await working).toBeGreaterThan(0);
  expect(waited).toContain('test intake');
  expect(await readFile(brokerCertificate(home), 'utf8')).not.toBe(certificate);
  const old = openConnection({ ...before, login: () => login }, 'stranger');
  await expect(old).rejects.toMatchObject({ code: 'broker-unreachable' });
  await using _again = await server.connect('intake');
  expect((await bus.append(created(sampleTask()), 0, never)).kind).toBe('stored');
  ended.abort();
  await following;
});

/** Goes on with the credential that it had at first, whatever the file says. */
async function stayWithFirst({ home }: EmbeddedBroker) {
  const first = readBrokerAddress(home, 'submit');
  if ('pass' in first) throw new Error('the home is in operator mode');
  const login = first.login();
  return openConnection({ ...first, login: () => login }, 'stays');
}

it('ends the connection of whoever goes on with what was before, and names it', async () => {
  await using folder = await makeTempFolder('rotation');
  await using server = await startEmbedded(folder.path);
  await using stays = await stayWithFirst(server);
  let isRefused = false;
  void (async () => {
    for await (const { type } of stays.nc.status()) if (type === 'error' || type === 'disconnect') isRefused = true;
  })();
  const rotating = { scope: sampleScope, isUp: true, isExternal: false, signal: never, onWaiting: () => undefined };
  expect(await rotateCredentials(server.home, { ...rotating, patienceMs: 500 })).toEqual(['stays']);
  await eventually(() => isRefused || stays.nc.isClosed(), { what: 'it is disconnected' });
  await using _submitter = await server.connect('submit');
});

it('leaves both valid when it is interrupted, and the next one ends that', async () => {
  await using folder = await makeTempFolder('rotation');
  await using server = await startEmbedded(folder.path);
  await using stays = await stayWithFirst(server);
  const stop = new AbortController();
  const onWaiting = () => stop.abort(new Error('the operator waits no longer'));
  const rotating = { scope: sampleScope, isUp: true, isExternal: false, onWaiting };
  await expect(rotateCredentials(server.home, { ...rotating, signal: stop.signal })).rejects.toThrow();
  await stays.nc.flush();
  {
    await using _new = await server.connect('submit');
  }
  expect(await rotateCredentials(server.home, { ...rotating, signal: never, patienceMs: 0 })).toEqual(['stays']);
});

it('holds after the server has started again by itself, whatever the clock said when it began', async () => {
  await using folder = await makeTempFolder('rotation');
  await using server = await startEmbedded(folder.path);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
  const rotating = { scope: sampleScope, isUp: true, isExternal: false, signal: never, onWaiting: () => undefined };
  await rotateCredentials(server.home, rotating).finally(() => vi.useRealTimers());
  await server.crash();
  await using _intake = await server.connect('intake');
});

it('is refused while a start is under way, and a start without the key of the streams is refused', async () => {
  await using folder = await makeTempFolder('rotation');
  const home = homeAt(folder.path);
  {
    await using _server = await startEmbedded(folder.path);
  }
  {
    await using _start = await claimSide(home, 'control', never);
    const rotating = { scope: sampleScope, isUp: false, isExternal: false, signal: never };
    await expect(rotateCredentials(home, { ...rotating, onWaiting: () => undefined })).rejects.toMatchObject({
      code: 'already-up',
    });
  }
  await rm(keysFile(home));
  await expect(writeBrokerFiles(home, sampleScope, 4333)).rejects.toMatchObject({ code: 'invalid-config' });
  await expect(exportConfig(home, sampleScope, 'accounts')).rejects.toMatchObject({ code: 'invalid-config' });
});
