import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { brokerUsers } from '@vm-task/bus/credentials';
import { makeInfrastructure } from '@vm-task/bus/provision';
import { silentLogger } from '@vm-task/service/log';
import { durablesFor } from '@vm-task/shared/flow';
import { homeAt } from '@vm-task/shared/home';
import { accountsWith, sampleScope } from '@vm-task/testing/broker';
import { startNatsServer } from '@vm-task/testing/nats-server';
import { created, sampleTask } from '@vm-task/testing/sample-events';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, it } from 'vitest';
import { startEmbedded } from '../test/embedded-broker.ts';

it('a home whose broker had passwords goes on with its streams, and with what its durables had had', async () => {
  await using folder = await makeTempFolder('upgrade');
  const store = join(homeAt(folder.path).nats, 'data');
  await mkdir(store, { recursive: true });
  const never = new AbortController().signal;
  const [done, waiting] = [sampleTask(), sampleTask()];
  const durable = 'created-pool-default';
  {
    await using before = await startNatsServer({ store, config: accountsWith(brokerUsers, sampleScope) });
    await using connection = await openConnection(before.address(), 'test');
    await makeInfrastructure(connection, {
      durables: durablesFor(sampleScope.pools, [sampleScope.host]),
      hosts: [sampleScope.host],
    });
    const bus = createBus(connection, 'test', silentLogger);
    for (const task of [done, waiting]) await bus.append(created(task), 0, never);
    const consumer = await connection.js.consumers.get('EVENTS', durable);
    const first = await consumer.next();
    await first?.ackAck();
    await before.stop();
  }
  await using server = await startEmbedded(folder.path);
  await using intake = await server.connect('intake');
  const bus = createBus(intake, 'test', silentLogger);
  for (const task of [done, waiting])
    expect(await bus.head({ pool: 'default', task })).toMatchObject({ type: 'task.created' });
  await using system = await server.connect('system');
  const { num_pending: left, ack_floor: had } = await system.jsm.consumers.info('EVENTS', durable);
  expect([left, had.stream_seq]).toEqual([1, 1]);
});

it('a home whose broker had no TLS has it from its next start on', async () => {
  await using folder = await makeTempFolder('upgrade');
  const home = homeAt(folder.path);
  {
    await using _before = await startEmbedded(folder.path);
  }
  for (const name of await readdir(home.credentials)) {
    if (name.endsWith('.pem')) await rm(join(home.credentials, name));
    if (!name.startsWith('nats-')) continue;
    const { tls, ...before } = JSON.parse(await readFile(join(home.credentials, name), 'utf8'));
    expect(tls).toBeDefined();
    const servers = before.servers.map((server: string) => server.replace('tls:', 'nats:'));
    await writeFile(join(home.credentials, name), JSON.stringify({ ...before, servers }));
  }
  await using server = await startEmbedded(folder.path);
  await using intake = await server.connect('intake');
  expect(intake.nc.info?.tls_required).toBe(true);
});
