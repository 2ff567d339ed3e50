import { randomBytes } from 'node:crypto';
import type { TaskId } from '@vm-task/shared/ids';
import { logSubject } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { append } from '@vm-task/testing/event-worker';
import { created, sampleTask, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { followLog, type LogChunk, lastLogSeq, openLogWriter } from './output-log.ts';

const never = new AbortController().signal;
const bytes = (text: string) => Buffer.from(text);

/** A task that works in a VM of `host-1`. */
async function startTask(broker: Broker): Promise<TaskId> {
  const task = sampleTask();
  await append(broker, vmReady(task), await append(broker, created(task), 0));
  return task;
}

/** The first chunks of a task's output. */
async function read({ connection }: Broker, task: TaskId, count: number, from = 1): Promise<LogChunk[]> {
  const stop = new AbortController();
  const chunks: LogChunk[] = [];
  for await (const chunk of followLog(connection, task, from, stop.signal)) {
    if ('bytes' in chunk) chunks.push(chunk);
    if (chunks.length === count) break;
  }
  stop.abort();
  return chunks;
}

test('output comes back byte for byte, with the offset of each chunk in its stream', async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const binary = randomBytes(100_000);
  const stdout = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  const stderr = await openLogWriter(broker.connection, task, 1, 'stderr', 'host-1');
  await stdout.write(bytes('垃圾'), never);
  await stderr.write(binary, never);
  await stdout.write(bytes('域名\n'), never);
  expect(stdout.offset).toBe(13);
  const [first, second, third] = await read(broker, task, 3);
  expect(first).toMatchObject({ seq: 1, attempt: 1, stream: 'stdout', offset: 0 });
  expect(second).toMatchObject({ seq: 2, attempt: 1, stream: 'stderr', offset: 0 });
  expect(third).toMatchObject({ seq: 3, attempt: 1, stream: 'stdout', offset: 6 });
  expect(Buffer.from(first?.bytes ?? [])).toEqual(bytes('垃圾'));
  expect(Buffer.from(second?.bytes ?? [])).toEqual(binary);
  expect(await lastLogSeq(broker.connection, task)).toBe(3);
  expect(await lastLogSeq(broker.connection, sampleTask())).toBe(0);
});

test("what was published there without an offset is nobody's output: it is not shown, and writers go on behind it", async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const task = await startTask(broker);
  const foreign = () => connection.js.publish(logSubject(task, 1, 'stdout', 'host-1'), 'by hand');
  const first = await openLogWriter(connection, task, 1, 'stdout', 'host-1');
  await foreign();
  await first.write(bytes('ab'), never);
  await foreign();
  await foreign();
  await first.write(bytes('cd'), never);
  await foreign();
  const second = await openLogWriter(connection, task, 1, 'stdout', 'host-1');
  expect(second.offset).toBe(4);
  await second.write(bytes('ef'), never);
  await foreign();
  await expect(first.write(bytes('xx'), never)).rejects.toMatchObject({ code: 'log-overtaken' });
  const chunks = await read(broker, task, 3);
  expect(chunks.map(({ offset, bytes: part }) => [offset, Buffer.from(part).toString()])).toEqual([
    [0, 'ab'],
    [2, 'cd'],
    [4, 'ef'],
  ]);
});

test('a follower of one task gets only its output, from where it asks', async () => {
  await using broker = await startBroker();
  const [task, other] = [await startTask(broker), await startTask(broker)];
  const writers = [task, other].map((id) => openLogWriter(broker.connection, id, 1, 'stdout', 'host-1'));
  for (const text of ['a', 'b']) for (const writer of writers) await (await writer).write(bytes(text), never);
  const chunks = await read(broker, task, 1, 2);
  expect(chunks).toMatchObject([{ seq: 3, offset: 1 }]);
});

test('a writer that takes over goes on behind the last stored byte', async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const first = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  await first.write(bytes('0123456789'), never);
  await broker.server.kill();
  await broker.server.restart();
  await using replacement = await broker.connect();
  const second = await openLogWriter(replacement.connection, task, 1, 'stdout', 'host-1');
  expect(second.offset).toBe(10);
  await second.write(bytes('abc'), never);
  expect(await read(broker, task, 2)).toMatchObject([{ offset: 0 }, { offset: 10 }]);
});

test('a stale writer is refused, and learns that it is stale', async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const stale = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  await stale.write(bytes('one'), never);
  const fresh = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  await fresh.write(bytes('two'), never);
  await expect(stale.write(bytes('late'), never)).rejects.toMatchObject({ code: 'log-overtaken' });
  await fresh.write(bytes('three'), never);
  expect((await read(broker, task, 3)).map((chunk) => Buffer.from(chunk.bytes).toString())).toEqual([
    'one',
    'two',
    'three',
  ]);
});

test('of two writers at the same place one is refused, even when they read different amounts', async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const [first, second] = await Promise.all([
    openLogWriter(broker.connection, task, 1, 'stdout', 'host-1'),
    openLogWriter(broker.connection, task, 1, 'stdout', 'host-1'),
  ]);
  await first.write(bytes('short'), never);
  await expect(second.write(bytes('much longer'), never)).rejects.toMatchObject({ code: 'log-overtaken' });
  expect(await read(broker, task, 1)).toMatchObject([{ offset: 0, bytes: bytes('short') }]);
});

test('writing goes on over a broker that is killed, and stores each chunk once', async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const writer = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  const writing = (async () => {
    for (let index = 0; index < 400; index++) await writer.write(bytes(`${index}\n`.padStart(10)), never);
  })();
  await eventually(() => writer.offset > 200, { what: 'some is written' });
  await broker.server.kill();
  await broker.server.restart();
  await writing;
  const chunks = await read(broker, task, 400);
  expect(chunks.map((chunk) => chunk.offset)).toEqual(Array.from({ length: 400 }, (_, index) => index * 10));
});

test("a flood that pushes out all of a task's output does not stop the task", async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const writer = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  await writer.write(bytes('before'), never);
  await broker.connection.jsm.streams.purge('LOGS');
  await writer.write(bytes('after'), never);
  expect(writer.offset).toBe(11);
  expect(await read(broker, task, 1)).toMatchObject([{ offset: 6, bytes: bytes('after') }]);
});

test('what another host says of the task is no output of it', async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const foreign = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-2');
  await foreign.write(bytes('not its own'), never);
  const own = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  expect(own.offset).toBe(0);
  await own.write(bytes('its own'), never);
  expect(await read(broker, task, 1)).toMatchObject([{ offset: 0, bytes: bytes('its own') }]);
});

test('what a stranger writes to an attempt that is not there costs a follower one question each', async () => {
  await using broker = await startBroker();
  const task = await startTask(broker);
  const { js, jsm } = broker.connection;
  for (let n = 0; n < 20; n++) await js.publish(logSubject(task, 7, 'stdout', 'host-2'), `${n}`);
  const own = await openLogWriter(broker.connection, task, 1, 'stdout', 'host-1');
  await own.write(bytes('own'), never);
  let questions = 0;
  const getMessage: typeof jsm.streams.getMessage = (...asked) => {
    questions += 1;
    return jsm.streams.getMessage(...asked);
  };
  const streams = Object.assign(Object.create(jsm.streams), { getMessage }) as typeof jsm.streams;
  const counted = { ...broker.connection, jsm: Object.assign(Object.create(jsm), { streams }) as typeof jsm };
  const [chunk] = await read({ ...broker, connection: counted }, task, 1);
  expect(chunk).toMatchObject({ seq: 21, attempt: 1 });
  // The history once, at the first of them.
  expect(questions).toBeLessThan(20 + 10);
});
