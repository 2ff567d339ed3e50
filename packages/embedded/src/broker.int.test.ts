import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { completeKeys, signUser } from '@vm-task/bus/operator';
import { serverProgram } from '@vm-task/bus/streams';
import { silentLogger } from '@vm-task/service/log';
import { homeAt } from '@vm-task/shared/home';
import { sampleScope } from '@vm-task/testing/broker';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, it } from 'vitest';
import { startEmbedded } from '../test/embedded-broker.ts';
import { requireBrokerProgram } from './broker.ts';

it('gives the submitter the right to publish commands, and no other', async () => {
  await using folder = await makeTempFolder('broker');
  await using server = await startEmbedded(folder.path);
  await using submitter = await server.connect('submit');
  await using intake = await server.connect('intake');
  submitter.nc.publish('task.submit', '{"run":"true"}');
  submitter.nc.publish('vm.gone.default.x.any', '{}');
  await submitter.nc.flush();
  const stored = await intake.jsm.streams.getMessage('COMMANDS', { last_by_subj: 'task.submit' });
  expect(stored?.string()).toBe('{"run":"true"}');
  expect(await intake.jsm.streams.getMessage('EVENTS', { last_by_subj: 'vm.gone.>' })).toBeNull();
  await expect(submitter.jsm.streams.getMessage('COMMANDS', { last_by_subj: 'task.submit' })).rejects.toThrow();
});

it('lets no host publish the events of control, or of another host', async () => {
  await using folder = await makeTempFolder('broker');
  await using server = await startEmbedded(folder.path);
  await using provisioner = await server.connect('provisioner');
  const bus = createBus(provisioner, 'test', silentLogger);
  for (const subject of ['task.created.default.x.any', 'vm.ready.default.x.host-2']) {
    provisioner.nc.publish(subject, '{}');
  }
  await provisioner.nc.flush();
  expect(await provisioner.jsm.streams.getMessage('EVENTS', { last_by_subj: '*.*.default.x.*' })).toBeNull();
  expect(await bus.now()).toBeInstanceOf(Date);
});

it('refuses anybody whom none of its keys has signed', async () => {
  await using folder = await makeTempFolder('broker');
  await using _server = await startEmbedded(folder.path);
  const { servers, user, tls } = readBrokerAddress(homeAt(folder.path), 'submit');
  const foreign = await signUser(completeKeys(null, sampleScope), 'submit', sampleScope);
  await expect(openConnection({ servers, tls, user, pass: 'none' }, 'stranger')).rejects.toMatchObject({
    code: 'broker-unreachable',
  });
  await expect(openConnection({ servers, tls, user, login: () => foreign }, 'stranger')).rejects.toMatchObject({
    code: 'broker-unreachable',
  });
});

it('says which version is needed before an old server is started', async () => {
  await using folder = await makeTempFolder('broker');
  const old = join(folder.path, 'nats-server');
  await writeFile(old, '#!/bin/sh\necho nats-server: v2.9.10\n');
  await chmod(old, 0o755);
  await expect(requireBrokerProgram(old)).rejects.toThrow(/nats-server is 2\.9\.10; vm-task needs 2\.14\.0 or newer/);
  await expect(requireBrokerProgram(join(folder.path, 'none'))).rejects.toMatchObject({ code: 'tool-missing' });
  await requireBrokerProgram(serverProgram);
});
