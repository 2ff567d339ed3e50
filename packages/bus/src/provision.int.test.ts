import { Readable } from 'node:stream';
import { DeliverPolicy } from '@nats-io/jetstream';
import { silentLogger } from '@vm-task/service/log';
import { consumerFor, durablesFor, flow } from '@vm-task/shared/flow';
import type { StreamName } from '@vm-task/shared/stream-name';
import { taskMaxBytes } from '@vm-task/shared/task-spec';
import { startBroker } from '@vm-task/testing/broker';
import { startNatsServer } from '@vm-task/testing/nats-server';
import { expect, test } from 'vitest';
import { storeArtifact } from './artifacts.ts';
import { openConnection } from './connection.ts';
import { alteredStreams, makeDurables, makeInfrastructure, readBackStreams, requireConsumer } from './provision.ts';
import { artifactsMaxBytes, artifactsOf, streams } from './streams.ts';
import { consumerConfig } from './work.ts';

const names = Object.keys(streams) as StreamName[];
const infrastructure = { durables: durablesFor(['default'], ['host-1']), hosts: ['host-1'] };
const log = silentLogger;
const never = new AbortController().signal;

test('what was made is read back as it was meant, also when it is made again', async () => {
  await using broker = await startBroker();
  await readBackStreams(broker.connection, names);
  const { seq } = await broker.connection.js.publish('task.submit', '{}');
  await makeInfrastructure(broker.connection, infrastructure);
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
  await makeInfrastructure(broker.connection, infrastructure);
  await readBackStreams(broker.connection, names);
});

test('the store of files has a bound, also one that was made without, and keeps what it has', async () => {
  await using broker = await startBroker();
  const { jsm } = broker.connection;
  const stream = `OBJ_${artifactsOf('host-1')}`;
  expect((await jsm.streams.info(stream)).config.max_bytes).toBe(artifactsMaxBytes);
  await storeArtifact(broker.connection, 'host-1', 'x', Readable.from([Buffer.alloc(1_000)]));
  await jsm.streams.update(stream, { max_bytes: -1 });
  const reasons = [...(await alteredStreams(broker.connection, ['host-1'])).values()].map(({ message }) => message);
  expect(reasons).toEqual([expect.stringMatching(/OBJ_artifacts-host-1: max_bytes is -1 and must be/)]);
  await makeInfrastructure(broker.connection, infrastructure);
  const { config, state } = await jsm.streams.info(stream);
  expect({ bound: config.max_bytes, messages: state.messages }).toEqual({ bound: artifactsMaxBytes, messages: 2 });
  await jsm.streams.update(stream, { max_bytes: 2 * artifactsMaxBytes });
  await makeInfrastructure(broker.connection, infrastructure);
  expect((await jsm.streams.info(stream)).config.max_bytes).toBe(2 * artifactsMaxBytes);
});

test('a command has as many bytes as a task file, and headers; a larger one is refused', async () => {
  await using broker = await startBroker();
  const { js, jsm } = broker.connection;
  const task = (bytes: number) => JSON.stringify({ run: 'x'.repeat(bytes - 10) });
  expect(task(taskMaxBytes)).toHaveLength(taskMaxBytes);
  await js.publish('task.submit', task(taskMaxBytes));
  await expect(js.publish('task.submit', task(taskMaxBytes + 1024 * 1024))).rejects.toMatchObject({ code: 10054 });
  await jsm.streams.update('COMMANDS', { max_msg_size: -1 });
  await expect(readBackStreams(broker.connection, ['COMMANDS'])).rejects.toThrow('max_msg_size');
  await makeInfrastructure(broker.connection, infrastructure);
  await readBackStreams(broker.connection, names);
});

test('a stream that is missing is an error that says what makes it', async () => {
  await using server = await startNatsServer();
  await using connection = await openConnection(server.address(), 'test');
  const reading = readBackStreams(connection, ['EVENTS']);
  await expect(reading).rejects.toThrow('stream EVENTS cannot be read: stream not found. ./vm-task up makes it');
});

test('what a newer version added stays, and is no fault to an older one', async () => {
  await using broker = await startBroker();
  const { jsm } = broker.connection;
  const { config } = await jsm.streams.info('EVENTS');
  const newer = {
    subjects: [...config.subjects, 'future.*.*.*.*'],
    max_bytes: config.max_bytes + 1,
    max_age: config.max_age === 0 ? 0 : config.max_age + 1,
  };
  await jsm.streams.update('EVENTS', newer);
  await makeInfrastructure(broker.connection, infrastructure);
  expect((await jsm.streams.info('EVENTS')).config).toMatchObject(newer);
  expect(await alteredStreams(broker.connection, ['host-1'])).toEqual(new Map());
});

test('every durable of the flow table is made, with one filter, and found by its worker', async () => {
  await using broker = await startBroker();
  for (const durable of infrastructure.durables) {
    await requireConsumer(broker.connection, durable, { stop: never, log });
    const { config } = await broker.connection.jsm.consumers.info(durable.stream, durable.name);
    expect(config).toMatchObject({ filter_subject: durable.filter });
  }
});

test('a worker waits for its durable until it is made, and one that was deleted is made again', async () => {
  await using broker = await startBroker();
  const { jsm } = broker.connection;
  const [durable] = infrastructure.durables;
  if (durable === undefined) throw new Error('there is one');
  await jsm.consumers.delete(durable.stream, durable.name);
  let isThere = false;
  const waiting = requireConsumer(broker.connection, durable, { stop: never, log }).then(() => {
    isThere = true;
  });
  await jsm.streams.info('EVENTS');
  expect(isThere).toBe(false);
  await makeDurables(broker.connection, infrastructure.durables);
  await waiting;
});

test('a durable that is not as it has to be is an error that names what differs', async () => {
  await using broker = await startBroker();
  const worker = consumerFor(flow.provisionerOnTaskCreated, { pool: 'other' });
  const config = { ...consumerConfig(worker), deliver_policy: DeliverPolicy.New };
  await broker.connection.jsm.consumers.add('EVENTS', config);
  const looking = requireConsumer(broker.connection, worker, { stop: never, log });
  await expect(looking).rejects.toMatchObject({ code: 'stream-altered' });
  await expect(looking).rejects.toThrow(`consumer ${worker.name}: deliver_policy is "new" and must be "all"`);
});
