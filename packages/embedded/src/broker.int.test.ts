import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { type BrokerUser, readBrokerAddress } from '@vm-task/bus/credentials';
import { serverProgram } from '@vm-task/bus/streams';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import { silentLogger } from '@vm-task/service/log';
import { homeAt } from '@vm-task/shared/home';
import { sampleScope } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, it } from 'vitest';
import { prepareBroker, requireBrokerProgram } from './broker.ts';
import { writeBrokerFiles } from './broker-config.ts';
import { type ChildReport, superviseChild } from './child.ts';

/** A server as `up` starts it: generated configuration, generated passwords, every stream made. */
async function startEmbedded(root: string) {
  const home = homeAt(root);
  const { config } = writeBrokerFiles(home, sampleScope, await freePort(0));
  const stop = new AbortController();
  const reports: ChildReport[] = [];
  const over = superviseChild(
    {
      name: 'nats-server',
      command: serverProgram,
      args: ['-c', config],
      logFile: join(root, 'nats.log'),
      ready: async (signal) => void (await prepareBroker(home, sampleScope, signal)),
    },
    { stop: stop.signal, graceMs: 10_000, report: (report) => void reports.push(report) },
  );
  await eventually(() => reports.some(({ state }) => state === 'ready'), { what: 'the server is ready' });
  return {
    connect: (user: BrokerUser) => openConnection(readBrokerAddress(home, user), `test ${user}`),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await over;
    },
  };
}

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

it('refuses anybody without a password', async () => {
  await using folder = await makeTempFolder('broker');
  await using _server = await startEmbedded(folder.path);
  const address = { ...readBrokerAddress(homeAt(folder.path), 'submit'), pass: 'wrong' };
  await expect(openConnection(address, 'stranger')).rejects.toMatchObject({ code: 'broker-unreachable' });
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
