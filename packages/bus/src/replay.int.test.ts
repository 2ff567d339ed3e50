import { headers } from '@nats-io/transport-node';
import { anyHost } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import { commandSubjects } from '@vm-task/shared/subjects';
import { accountsWith, type Broker, sampleScope, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { completed, created, sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import type { WorkerRow } from './bus.ts';
import { dropLetter, listLetters, readLetter } from './dead-letters.ts';
import type { RawMessage } from './envelope.ts';
import { done, type HandlerOutcome, reject, retry } from './outcome.ts';
import { askForReplay } from './replay.ts';

type Handle = (message: RawMessage) => Promise<HandlerOutcome>;

/** Handles commands until the block ends. */
function workOn({ bus }: Pick<Broker, 'bus'>, row: WorkerRow, handle: Handle): AsyncDisposable {
  return lend((options) => bus.workMessages(row, ({ event }) => handle(event), options));
}

/** Takes the commands to replay, as intake does, until the block ends. */
function takeReplays({ bus, connection }: Broker): AsyncDisposable {
  return lend((options) =>
    bus.workMessages(
      flow.intakeOnDeadletterReplay,
      ({ event, ...handling }) => askForReplay(connection, { message: event, ...handling }),
      options,
    ),
  );
}

function lend(work: (options: { slots: number; stop: AbortSignal; abort: AbortSignal }) => Promise<void>) {
  const stop = new AbortController();
  const working = work({ slots: 1, stop: stop.signal, abort: stop.signal });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
    },
  };
}

const textOf = ({ data }: RawMessage) => Buffer.from(data).toString();
const letters = ({ connection }: Broker) => listLetters(connection, 0, 100);

async function submitBad(broker: Broker): Promise<void> {
  const traced = headers();
  traced.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  await broker.connection.js.publish('task.submit', 'bad', { headers: traced });
}

const replay = ({ connection }: Broker, seq: number) =>
  connection.js.publish(commandSubjects.replay, JSON.stringify({ seq }));

test('a dead letter has the reason, the message and its trace, and the consumer goes on', async () => {
  await using broker = await startBroker();
  const seen: string[] = [];
  await using _working = workOn(broker, flow.intakeOnTaskSubmit, async (message) => {
    seen.push(textOf(message));
    return textOf(message) === 'bad' ? reject('no such pool') : done();
  });
  await submitBad(broker);
  await broker.connection.js.publish('task.submit', 'good');
  await eventually(() => seen.includes('good'), { what: 'the next one is handled' });
  const [found] = await letters(broker);
  expect(found?.letter).toMatchObject({
    consumer: 'intake-task-submit',
    reason: 'no such pool',
    subject: 'task.submit',
    stream: 'COMMANDS',
    seq: 1,
    traceparent: expect.stringContaining('0af7651916cd43dd8448eb211c80319c'),
    data: Buffer.from('bad').toString('base64'),
  });
});

test('a replay gives its worker the stored original once more, publishes nothing, and the dead letter goes', async () => {
  await using broker = await startBroker();
  await using _replays = takeReplays(broker);
  const seen: RawMessage[] = [];
  const others: string[] = [];
  await using _working = workOn(broker, flow.intakeOnTaskSubmit, async (message) => {
    seen.push(message);
    return seen.length === 1 ? reject('no such pool') : done();
  });
  await using _other = workOn(broker, flow.intakeOnTaskCancel, async (message) => {
    others.push(textOf(message));
    return done();
  });
  await submitBad(broker);
  const [letter] = await eventually(async () => (await letters(broker)).length === 1 && letters(broker), {
    what: 'the dead letter is there',
  });
  const { seq } = await replay(broker, letter?.seq ?? 0);
  await eventually(async () => (await letters(broker)).length === 0, { what: 'the dead letter is gone' });
  expect(seen.map((message) => [message.seq, message.time, textOf(message)])).toEqual(
    Array(2).fill([1, seen[0]?.time, 'bad']),
  );
  expect(others).toEqual([]);
  expect((await broker.connection.jsm.streams.info('COMMANDS')).state.last_seq).toBe(seq);
});

test.each([
  ['rejected', async (n: number) => reject(`no, ${n}`)],
  ['failing', (n: number) => (n === 0 ? Promise.resolve(reject('no, 0')) : Promise.reject(new Error(`no, ${n}`)))],
])('what is %s once more is a dead letter again, one with the new reason', async (_what, answer) => {
  await using broker = await startBroker();
  await using _replays = takeReplays(broker);
  let handled = 0;
  await using _working = workOn(broker, flow.intakeOnTaskSubmit, () => answer(handled++));
  await submitBad(broker);
  await eventually(async () => (await letters(broker)).length === 1, { what: 'the dead letter is there' });
  await replay(broker, 1);
  const reasons = async () => (await letters(broker)).map(({ seq, letter }) => [seq, letter.reason]);
  await eventually(async () => String(await reasons()) === '2,no, 1', { what: 'a newer dead letter takes its place' });
  expect(handled).toBe(2);
});

test('a replay is asked for again until the worker is back and has decided', async () => {
  await using broker = await startBroker();
  await using _replays = takeReplays(broker);
  {
    await using _working = workOn(broker, flow.intakeOnTaskSubmit, async () => reject('no'));
    await submitBad(broker);
    await eventually(async () => (await letters(broker)).length === 1, { what: 'the dead letter is there' });
  }
  await replay(broker, 1);
  const replays = () => broker.connection.jsm.consumers.info('COMMANDS', 'intake-deadletter-replay');
  await eventually(async () => (await replays()).num_redelivered === 1, { what: 'it was asked for in vain' });
  const answers = [retry(1, 'not now'), done()];
  await using _working = workOn(broker, flow.intakeOnTaskSubmit, async () => answers.shift() ?? done());
  await eventually(async () => (await letters(broker)).length === 0, { what: 'the dead letter is gone' });
  expect(answers).toEqual([]);
});

test('a worker that may not hear of replays handles what is delivered to it all the same', async () => {
  const all = accountsWith(['intake'], sampleScope);
  await using broker = await startBroker({ config: all.replace('"replay.*.any"', '"replay.nobody"') });
  await using own = await broker.connect({ user: 'intake' });
  const seen: string[] = [];
  await using _working = workOn(own, flow.intakeOnTaskSubmit, async (message) => {
    seen.push(textOf(message));
    return done();
  });
  await submitBad(broker);
  await eventually(() => seen.includes('bad'), { what: 'it is handled' });
});

test("a host's worker is asked in its own account, and control drops the dead letter", async () => {
  await using broker = await startBroker({ users: ['intake', 'provisioner'] });
  await using intake = await broker.connect({ user: 'intake' });
  await using host = await broker.connect({ user: 'provisioner' });
  await using _replays = takeReplays({ ...broker, ...intake });
  const task = sampleTask();
  await broker.bus.append(created(task), 0, new AbortController().signal);
  let handled = 0;
  await using _working = lend((options) =>
    host.bus.workEvents(flow.provisionerOnTaskCreated, async () => (handled++ === 0 ? reject('cannot') : done()), {
      ...options,
      scope: { pool: 'default' },
    }),
  );
  await eventually(async () => (await letters(broker)).length === 1, { what: 'the dead letter is there' });
  expect(await letters(broker)).toMatchObject([{ host: 'host-1', letter: { consumer: 'created-pool-default' } }]);
  await replay(broker, 1);
  await eventually(async () => (await letters(broker)).length === 0, { what: 'the dead letter is gone' });
  expect(handled).toBe(2);
});

test('a message that its stream no longer has is replayed from the dead letter, with its headers and time', async () => {
  await using broker = await startBroker();
  await using _replays = takeReplays(broker);
  const seen: RawMessage[] = [];
  await using _working = workOn(broker, flow.intakeOnTaskSubmit, async (message) => {
    seen.push(message);
    return seen.length === 1 ? reject('no such pool') : done();
  });
  await submitBad(broker);
  await eventually(async () => (await letters(broker)).length === 1, { what: 'the dead letter is there' });
  await broker.connection.jsm.streams.purge('COMMANDS', { filter: 'task.submit' });
  await replay(broker, 1);
  await eventually(() => seen.length === 2, { what: 'it is handled again' });
  const facts = seen.map(({ seq, subject, time, headers, data }) => [
    seq,
    subject,
    time.getTime(),
    headers?.get('traceparent'),
    Buffer.from(data).toString(),
  ]);
  expect(facts[1]).toEqual(facts[0]);
});

test('a replay of an event whose task has ended changes nothing, and the dead letter goes', async () => {
  await using broker = await startBroker();
  await using _replays = takeReplays(broker);
  const task = sampleTask();
  const { signal } = new AbortController();
  await broker.bus.append(created(task), 0, signal);
  const stop = new AbortController();
  const options = { slots: 1, stop: stop.signal, abort: stop.signal, scope: { pool: 'default' } };
  let handled = 0;
  const working = broker.bus.workEvents(
    flow.provisionerOnTaskCreated,
    async () => {
      handled++;
      return reject('cannot');
    },
    options,
  );
  await eventually(async () => (await letters(broker)).length === 1, { what: 'the dead letter is there' });
  await broker.bus.append(completed(task, { outcome: 'cancelled' }, anyHost), 1, signal);
  await replay(broker, 1);
  await eventually(async () => (await letters(broker)).length === 0, { what: 'the dead letter is gone' });
  expect(handled).toBe(1);
  stop.abort();
  await working;
});

test('a replay that names nothing, or cannot be read, does nothing and holds up nobody', async () => {
  await using broker = await startBroker();
  await using _replays = takeReplays(broker);
  let handled = 0;
  await using _working = workOn(broker, flow.intakeOnTaskSubmit, async () => (handled++ === 0 ? reject('no') : done()));
  await submitBad(broker);
  await eventually(async () => (await letters(broker)).length === 1, { what: 'the dead letter is there' });
  await replay(broker, 99);
  await broker.connection.js.publish(commandSubjects.replay, 'nonsense');
  await replay(broker, 1);
  await eventually(async () => (await letters(broker)).length === 0, { what: 'the dead letter is gone' });
});

test('letters are listed in pages, and each can be dropped', async () => {
  await using broker = await startBroker();
  await using _working = workOn(broker, flow.intakeOnTaskSubmit, async () => reject('no'));
  for (let n = 0; n < 3; n++) await broker.connection.js.publish('task.submit', `${n}`);
  await eventually(async () => (await letters(broker)).length === 3, { what: 'the dead letters are there' });
  expect((await listLetters(broker.connection, 0, 2)).map(({ seq }) => seq)).toEqual([1, 2]);
  expect((await listLetters(broker.connection, 2, 2)).map(({ seq }) => seq)).toEqual([3]);
  expect(await dropLetter(broker.connection, 2)).toBe(true);
  expect(await dropLetter(broker.connection, 2)).toBe(false);
  expect(await readLetter(broker.connection, 2)).toBeNull();
  expect((await letters(broker)).map(({ seq }) => seq)).toEqual([1, 3]);
});
