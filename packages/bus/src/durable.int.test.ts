/** Workers whose durable is not there: the broker is away when they begin, or somebody has deleted it. */

import { consumerFor, flow } from '@vm-task/shared/flow';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { done } from './outcome.ts';
import { makeDurables } from './provision.ts';

interface Worker extends AsyncDisposable {
  readonly handled: readonly string[];
}

function startWorker({ bus }: Pick<Broker, 'bus'>): Worker {
  const stop = new AbortController();
  const handled: string[] = [];
  const working = bus.workMessages(
    flow.intakeOnTaskSubmit,
    async ({ event }) => {
      handled.push(Buffer.from(event.data).toString());
      return done();
    },
    { slots: 2, stop: stop.signal, abort: stop.signal },
  );
  return {
    handled,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
    },
  };
}

test('a worker that begins while the broker is away works once it is back', async () => {
  await using broker = await startBroker();
  await using other = await broker.connect();
  await broker.connection.js.publish('task.submit', 'waiting');
  await broker.server.kill();
  await using worker = startWorker(other);
  await broker.server.restart();
  await eventually(() => worker.handled.length === 1, { what: 'the message is handled', limitMs: 60_000 });
});

test('a worker whose durable is deleted goes on with the one that control makes, and what comes then is handled', async () => {
  await using broker = await startBroker();
  await using worker = startWorker(broker);
  const { js, jsm } = broker.connection;
  await js.publish('task.submit', 'before');
  await eventually(() => worker.handled.length === 1, { what: 'the first is handled' });
  await jsm.consumers.delete('COMMANDS', flow.intakeOnTaskSubmit.consumer);
  await js.publish('task.submit', 'after');
  await makeDurables(broker.connection, [consumerFor(flow.intakeOnTaskSubmit)]);
  // It begins at the beginning: that what was handled comes again changes nothing for a handler that reads the head.
  await eventually(() => worker.handled.includes('after'), { what: 'the second is handled', limitMs: 60_000 });
  expect(worker.handled).toEqual(['before', 'before', 'after']);
});
