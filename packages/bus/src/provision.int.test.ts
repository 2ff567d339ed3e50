import { DeliverPolicy } from '@nats-io/jetstream';
import { consumerFor, flow } from '@vm-task/shared/flow';
import type { StreamName } from '@vm-task/shared/stream-name';
import { startBroker } from '@vm-task/testing/broker';
import { startNatsServer } from '@vm-task/testing/nats-server';
import { expect, test } from 'vitest';
import { openConnection } from './connection.ts';
import { makeConsumer, makeStreams, readBackStreams } from './provision.ts';
import { streams } from './streams.ts';
import { consumerConfig } from './work.ts';

const names = Object.keys(streams) as StreamName[];

test('what was made is read back as it was meant, also when it is made again', async () => {
  await using broker = await startBroker();
  await readBackStreams(broker.connection, names);
  const { seq } = await broker.connection.js.publish('task.submit', '{}');
  await makeStreams(broker.connection);
  await readBackStreams(broker.connection, names);
  expect(await broker.connection.jsm.streams.getMessage('COMMANDS', { seq })).not.toBeNull();
});

test.each([
  ['EVENTS', 'duplicate_window', { duplicate_window: 1_000_000_000 }],
  ['COMMANDS', 'max_bytes', { max_bytes: 1_000_000 }],
  ['LOGS', 'discard', { discard: 'new' }],
  ['DEAD', 'max_age', { max_age: 3_600_000_000_000 }],
] as const)('an altered %s is an error that names %s', async (name, setting, change) => {
  await using broker = await startBroker();
  await broker.connection.jsm.streams.update(name, change as never);
  const reading = readBackStreams(broker.connection, names);
  await expect(reading).rejects.toMatchObject({ code: 'stream-altered' });
  await expect(reading).rejects.toThrow(new RegExp(`stream ${name}: ${setting} is .+ and must be .+vm-task up`));
  await makeStreams(broker.connection);
  await readBackStreams(broker.connection, names);
});

test('a stream that is missing is an error that says what makes it', async () => {
  await using server = await startNatsServer();
  await using connection = await openConnection(server.address(), 'test');
  const reading = readBackStreams(connection, ['EVENTS']);
  await expect(reading).rejects.toThrow('stream EVENTS cannot be read: stream not found. ./vm-task up makes it');
});

test('every durable of the flow table can be made, and found again', async () => {
  await using broker = await startBroker();
  const scope = { pool: 'default', host: 'host-1' };
  for (const row of Object.values(flow)) {
    if (row.consumer === null) continue;
    const worker = consumerFor(row, scope);
    await makeConsumer(broker.connection, worker);
    await makeConsumer(broker.connection, worker);
  }
});

test.each([
  ['max_deliver', { max_deliver: 5 }],
  ['ack_wait', { ack_wait: 60_000_000_000 }],
  ['filter_subjects', { filter_subjects: ['task.created.other.*'] }],
])('a durable whose %s was altered is set right, and keeps its place in the stream', async (setting, change) => {
  await using broker = await startBroker();
  const { jsm } = broker.connection;
  const worker = consumerFor(flow.provisionerOnTaskCreated, { pool: 'default' });
  await makeConsumer(broker.connection, worker);
  const { config, created } = await jsm.consumers.info('EVENTS', worker.name);
  await jsm.consumers.update('EVENTS', worker.name, change);
  await makeConsumer(broker.connection, worker);
  const after = await jsm.consumers.info('EVENTS', worker.name);
  expect(after).toMatchObject({ config, created });
  expect(after.config).not.toHaveProperty(setting, Object.values(change)[0]);
});

test('a durable that cannot be set right is an error that names what differs', async () => {
  await using broker = await startBroker();
  const worker = consumerFor(flow.provisionerOnTaskCreated, { pool: 'default' });
  const config = { ...consumerConfig(worker), deliver_policy: DeliverPolicy.New };
  await broker.connection.jsm.consumers.add('EVENTS', config);
  const making = makeConsumer(broker.connection, worker);
  await expect(making).rejects.toMatchObject({ code: 'stream-altered' });
  await expect(making).rejects.toThrow(`consumer ${worker.name}: deliver_policy is "new" and must be "all"`);
});
