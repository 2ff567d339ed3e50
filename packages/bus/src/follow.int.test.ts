import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { completed, created, sampleTask } from '@vm-task/testing/sample-events';
import { setBackByAnHour } from '@vm-task/testing/wall-clock';
import { expect, test } from 'vitest';
import { follow } from './follow.ts';

const never = new AbortController().signal;

interface Reader extends AsyncDisposable {
  /** Sequences, as they came. */
  readonly seen: readonly number[];
  readonly pending: readonly number[];
}

/** Reads until the block ends. */
function startReading({ connection }: Broker, filter: string, from: number | 'new'): Reader {
  const stop = new AbortController();
  const seen: number[] = [];
  const pending: number[] = [];
  const read = async () => {
    for await (const followed of follow(connection, { stream: 'EVENTS', filter, from, signal: stop.signal })) {
      seen.push(followed.message.seq);
      pending.push(followed.pending);
    }
  };
  const reading = read();
  const dispose = () => {
    stop.abort();
    return reading;
  };
  return { seen, pending, [Symbol.asyncDispose]: dispose };
}

async function createTasks({ bus }: Broker, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await bus.append(created(sampleTask()), 0, never);
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('everything there is comes in order, then what is new, and whether more is to come', async () => {
  await using broker = await startBroker();
  await createTasks(broker, 250);
  await using reader = startReading(broker, 'task.created.*.*.*', 1);
  await eventually(() => reader.seen.length === 250, { what: 'all that is there' });
  await createTasks(broker, 10);
  await eventually(() => reader.seen.length === 260, { what: 'all that is new' });
  expect(reader.seen).toEqual(numbers(1, 260));
  expect(reader.pending.slice(0, 249).every((pending) => pending > 0)).toBe(true);
  expect(reader.pending[249]).toBe(0);
});

test('a reader begins at the sequence that it asks for, and takes only what it filters', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  await createTasks(broker, 3);
  await broker.bus.append(created(task), 0, never);
  await broker.bus.append(completed(task), 4, never);
  await using some = startReading(broker, 'task.created.*.*.*', 3);
  await using two = startReading(broker, `*.*.default.${task}.*`, 1);
  await eventually(() => some.seen.length === 2 && two.seen.length === 2, { what: 'both have theirs' });
  expect(some.seen).toEqual([3, 4]);
  expect(two.seen).toEqual([4, 5]);
});

test('a reader of what is new gets nothing older', async () => {
  await using broker = await startBroker();
  await createTasks(broker, 3);
  const before = (await broker.connection.jsm.streams.info('EVENTS')).state.consumer_count;
  await using reader = startReading(broker, 'task.created.*.*.*', 'new');
  await eventually(
    async () => (await broker.connection.jsm.streams.info('EVENTS')).state.consumer_count === before + 1,
    {
      what: 'it reads',
    },
  );
  await createTasks(broker, 2);
  await eventually(() => reader.seen.length === 2, { what: 'the new ones' });
  expect(reader.seen).toEqual([4, 5]);
});

test.each([
  ['killed', async ({ server }: Broker) => server.kill()],
  ['stopped', async ({ server }: Broker) => server.stop()],
])('a reader goes on over a broker that is %s and comes back, without gaps or repetitions', async (_how, end) => {
  await using broker = await startBroker();
  await createTasks(broker, 20);
  await using other = await broker.connect();
  await using reader = startReading(broker, 'task.created.*.*.*', 1);
  await eventually(() => reader.seen.length === 20, { what: 'the first' });
  await end(broker);
  await broker.server.restart();
  await createTasks({ ...broker, bus: other.bus }, 20);
  await eventually(() => reader.seen.length >= 40, { what: 'the others', limitMs: 60_000 });
  expect(reader.seen).toEqual(numbers(1, 40));
});

test.each([
  ['', () => undefined],
  [', although the clock of the host was set back by an hour', setBackByAnHour],
])('a reader whose place the broker has lost is deaf for seconds, and misses nothing%s', async (_when, setClock) => {
  await using broker = await startBroker();
  await createTasks(broker, 2);
  await using reader = startReading(broker, 'task.created.*.*.*', 1);
  await eventually(() => reader.seen.length === 2, { what: 'the first' });
  const { consumers } = broker.connection.jsm;
  for await (const { name, config } of consumers.list('EVENTS')) {
    if (config.durable_name === undefined) await consumers.delete('EVENTS', name);
  }
  await createTasks(broker, 2);
  setClock();
  await eventually(() => reader.seen.length >= 4, { what: 'the others', limitMs: 25_000 });
  expect(reader.seen).toEqual(numbers(1, 4));
});

test('a reader that has stopped leaves no consumer behind', async () => {
  await using broker = await startBroker();
  await createTasks(broker, 1);
  const consumers = async () => (await broker.connection.jsm.streams.info('EVENTS')).state.consumer_count;
  const before = await consumers();
  {
    await using reader = startReading(broker, 'task.created.*.*.*', 1);
    await eventually(() => reader.seen.length === 1, { what: 'it reads' });
  }
  await eventually(async () => (await consumers()) === before, { what: 'the consumer is gone' });
});

test('a reader that is stopped before it began ends at once', async () => {
  await using broker = await startBroker();
  const stop = new AbortController();
  const options = { stream: 'EVENTS', filter: 'task.created.*.*.*', from: 1, signal: stop.signal };
  const first = follow(broker.connection, options).next();
  stop.abort();
  expect(await first).toEqual({ done: true, value: undefined });
});

test('a reader without the right to read is told so', async () => {
  await using broker = await startBroker({ users: ['submit'] });
  await using nobody = await broker.connect({ user: 'submit' });
  const options = { filter: 'task.created.*.*.*', from: 1, signal: never };
  await expect(nobody.bus.follow(options).next()).rejects.toMatchObject({ code: 'broker-denied' });
});
