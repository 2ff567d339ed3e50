import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { ack, lookAtDurable, makeDurable, startWorker, submit, textOf } from '@vm-task/testing/test-worker';
import { expect, test } from 'vitest';

test('at a stop what is in flight is finished and acknowledged, and nothing more is taken', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const handled: string[] = [];
  const running = startWorker(
    broker.connection,
    async (delivery) => {
      handled.push(textOf(delivery));
      await held;
      return ack;
    },
    { slots: 2 },
  );
  await submit(broker, 'first');
  await eventually(() => handled.length === 1, { what: 'one is in flight' });
  running.stop.abort();
  await submit(broker, 'second');
  letGo();
  await running.done;
  expect(handled).toEqual(['first']);
  expect(await lookAtDurable(broker)).toMatchObject({ inFlight: 0, toCome: 1 });
});

test('a stop at any moment leaves no message behind with the worker that stopped', async () => {
  await using broker = await startBroker();
  // So long that a message which was lost on its way would still be in flight at the end.
  await makeDurable(broker, 60_000);
  const total = 300;
  const bodies = Array.from({ length: total }, (_, index) => `${index}`);
  const handled: string[] = [];
  const publishing = submit(broker, ...bodies);
  for (let round = 0; handled.length < total; round++) {
    await using worker = await broker.connect();
    const running = startWorker(
      worker.connection,
      async (delivery) => {
        handled.push(textOf(delivery));
        return ack;
      },
      { slots: 8 },
    );
    const goal = Math.min(total, handled.length + 1 + (round % 7));
    await eventually(() => handled.length >= goal, { what: `round ${round} has handled some of ${handled.length}` });
    running.stop.abort();
    await running.done;
  }
  await publishing;
  expect(await lookAtDurable(broker)).toMatchObject({ inFlight: 0, toCome: 0 });
  expect(new Set(handled).size).toBe(total);
  expect(handled).toHaveLength(total);
});

test('a stop before anything comes ends the work at once', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const consumer = await broker.connection.js.consumers.get('COMMANDS', 'testing');
  const order: string[] = [];
  const running = startWorker(broker.connection, async () => ack, { slots: 4 });
  const pull = consumer.next({ expires: 5_000 }).then(() => order.push('a pull has expired'));
  running.stop.abort();
  await running.done;
  order.push('the work has ended');
  await pull;
  expect(order).toEqual(['the work has ended', 'a pull has expired']);
});

test('a stop while the broker hangs ends the work before a request to it would be given up', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const running = startWorker(broker.connection, async () => ack, { slots: 2 });
  await eventually(async () => (await lookAtDurable(broker)).pulls === 1, {
    what: 'both slots wait for work, with one request',
  });
  await broker.server.pause();
  const order: string[] = [];
  const request = broker.connection.jsm.streams.info('COMMANDS').catch(() => order.push('a request was given up'));
  running.stop.abort();
  await running.done;
  order.push('the work has ended');
  await request;
  expect(order).toEqual(['the work has ended', 'a request was given up']);
  broker.server.resume();
});
