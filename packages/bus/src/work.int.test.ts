import { VmTaskError } from '@vm-task/shared/errors';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { startProxy } from '@vm-task/testing/proxy';
import { ack, lookAtDurable, makeDurable, startWorker, submit, textOf } from '@vm-task/testing/test-worker';
import { expect, test } from 'vitest';
import { openConnection } from './connection.ts';
import type { DeliveryOutcome } from './work.ts';

test('every message is handled once and acknowledged, one at a time per slot', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const handled: string[] = [];
  let most = 0;
  let busy = 0;
  await using _running = startWorker(
    broker.connection,
    async (delivery) => {
      most = Math.max(most, ++busy);
      await broker.connection.nc.flush();
      handled.push(textOf(delivery));
      busy--;
      return ack;
    },
    { slots: 3 },
  );
  const bodies = Array.from({ length: 60 }, (_, index) => `${index}`);
  await submit(broker, ...bodies);
  await eventually(() => handled.length === 60, { what: 'all are handled' });
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 0, { what: 'all are acknowledged' });
  expect(handled.map(Number).sort((a, b) => a - b)).toEqual(bodies.map(Number));
  expect(most).toBeLessThanOrEqual(3);
});

test('a busy slot has exactly one message: the next one stays with the broker', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  await using _running = startWorker(broker.connection, async () => {
    await held;
    return ack;
  });
  await submit(broker, 'first', 'second', 'third');
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 1, { what: 'one is in flight' });
  // Longer than ack_wait: what waited in the client would come back by now.
  await eventually(async () => (await lookAtDurable(broker)).pulls === 0, {
    what: 'nothing more is asked for',
  });
  expect(await lookAtDurable(broker)).toMatchObject({ inFlight: 1, toCome: 2 });
  letGo();
  await eventually(async () => (await lookAtDurable(broker)).toCome === 0, { what: 'the others come' });
});

test('slots that are free are asked for together, and those that are busy never', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const deliveries: number[] = [];
  await using _running = startWorker(
    broker.connection,
    async (delivery) => {
      deliveries.push(delivery.deliveries);
      if (textOf(delivery) !== 'quick') await held;
      return ack;
    },
    { slots: 4 },
  );
  await eventually(async () => (await lookAtDurable(broker)).pulls === 1, { what: 'one request for all' });
  for (let round = 0; round < 10; round++) await submit(broker, 'quick');
  await submit(broker, 'slow', 'slow', 'slow', 'slow', 'slow', 'slow');
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 4, { what: 'every slot is busy' });
  await eventually(async () => (await lookAtDurable(broker)).pulls === 0, { what: 'nothing more is asked for' });
  expect(await lookAtDurable(broker)).toMatchObject({ inFlight: 4, toCome: 2 });
  letGo();
  await eventually(() => deliveries.length === 16, { what: 'the others come' });
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 0, { what: 'all are acknowledged' });
  expect(new Set(deliveries)).toEqual(new Set([1]));
});

test('a handler may take much longer than ack_wait, and its message is not delivered again', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const deliveries: number[] = [];
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  await using _running = startWorker(
    broker.connection,
    async (delivery) => {
      deliveries.push(delivery.deliveries);
      await held;
      return ack;
    },
    { slots: 2 },
  );
  await makeDurable(broker, 900, 'silent');
  const silent = await broker.connection.js.consumers.get('COMMANDS', 'silent');
  await submit(broker, 'slow');
  // Where nobody gives a sign of life, it comes back after the same ack_wait, again and again.
  for (let times = 0; times < 4; ) times = (await silent.next({ expires: 5_000 }))?.info.deliveryCount ?? times;
  letGo();
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 0, { what: 'it is acknowledged' });
  expect(deliveries).toEqual([1]);
});

test('a worker that dies with a message in flight leaves it to the next one', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  await using proxy = await startProxy(broker.server.port);
  await using dying = await openConnection(
    { ...broker.server.address(), servers: [`nats://127.0.0.1:${proxy.port}`] },
    'dying',
  );
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const first: number[] = [];
  await using _first = startWorker(dying, async (delivery) => {
    first.push(delivery.deliveries);
    await held;
    return ack;
  });
  await submit(broker, 'work');
  await eventually(() => first.length === 1, { what: 'the first worker has it' });
  proxy.hang();
  const second: number[] = [];
  await using _second = startWorker(broker.connection, async (delivery) => {
    second.push(delivery.deliveries);
    return ack;
  });
  await eventually(() => second.length === 1, { what: 'the second worker has it' });
  expect(second).toEqual([2]);
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 0, { what: 'it is acknowledged' });
  proxy.open();
  letGo();
});

test('what throws is tried again with growing delays, with an alert at the fifth time and never at another', async () => {
  await using broker = await startBroker();
  // None comes back because a busy machine was late to say that it is in flight.
  await makeDurable(broker, 30_000);
  const times: number[] = [];
  await using running = startWorker(broker.connection, async (delivery) => {
    times.push(performance.now());
    if (delivery.deliveries < 6) throw new Error(`failure ${delivery.deliveries}`);
    return ack;
  });
  await submit(broker, 'unlucky');
  await eventually(() => times.length === 6, { what: 'the sixth delivery', limitMs: 60_000 });
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 0, { what: 'it is acknowledged' });
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  for (const [index, expectedMs] of [1_000, 2_000, 4_000, 8_000, 16_000].entries()) {
    expect(pauses[index]).toBeGreaterThan(expectedMs * 0.9);
  }
  expect(running.alerts).toEqual(['5: failure 5']);
  expect(running.deadLettered).toEqual([]);
});

test('what was given back on purpose, however often, has not failed: only failures count', async () => {
  await using broker = await startBroker();
  await makeDurable(broker, 30_000);
  let deliveries = 0;
  await using running = startWorker(broker.connection, async () => {
    deliveries++;
    if (deliveries <= 25) return { kind: 'retry', afterMs: 1, reason: 'the stream is full' };
    if (deliveries <= 30) throw new Error(`failure ${deliveries - 25}`);
    return ack;
  });
  await submit(broker, 'patient');
  const isSettled = async () => deliveries > 25 && (await lookAtDurable(broker)).inFlight === 0;
  await eventually(isSettled, { what: 'it is taken', limitMs: 90_000 });
  expect(running.deadLettered).toEqual([]);
  expect(running.alerts).toEqual(['30: failure 5']);
});

test('retry brings the message back after the time that was asked for', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const times: number[] = [];
  await using running = startWorker(broker.connection, async () => {
    times.push(performance.now());
    return times.length === 1 ? { kind: 'retry', afterMs: 1_500, reason: 'no room' } : ack;
  });
  await submit(broker, 'later');
  await eventually(() => times.length === 2, { what: 'the second delivery' });
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1_400);
  expect(running.alerts).toEqual([]);
});

test('what is rejected becomes one dead letter and never comes back', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  await using running = startWorker(broker.connection, async (delivery) => {
    if (textOf(delivery) === 'bad') return { kind: 'reject', reason: 'no such thing' };
    if (textOf(delivery) === 'garbled') throw new VmTaskError('unreadable-event', 'it is not JSON');
    return ack;
  });
  await submit(broker, 'bad', 'garbled', 'good');
  const done = async () => {
    const { inFlight, toCome } = await lookAtDurable(broker);
    return inFlight === 0 && toCome === 0;
  };
  await eventually(done, { what: 'all is done' });
  expect(running.deadLettered).toEqual(['bad: no such thing', 'garbled: it is not JSON']);
});

test('a dead letter that cannot be stored is stored again before the message goes', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  let tries = 0;
  const storeDeadLetter = async () => {
    if (++tries === 1) throw new Error('the broker is away');
  };
  const rejected: DeliveryOutcome = { kind: 'reject', reason: 'no' };
  await using _running = startWorker(broker.connection, async () => rejected, { storeDeadLetter });
  await submit(broker, 'bad');
  await eventually(async () => tries === 2 && (await lookAtDurable(broker)).inFlight === 0, {
    what: 'it is a dead letter',
  });
});

test('what is left is neither acknowledged nor given back: it is another worker that has it', async () => {
  await using broker = await startBroker();
  await makeDurable(broker, 5_000);
  await using _running = startWorker(broker.connection, async () => ({ kind: 'ignore', reason: 'taken over' }));
  await submit(broker, 'taken over');
  await eventually(async () => (await lookAtDurable(broker)).inFlight === 1, { what: 'it was delivered' });
});

test('nothing is asked for before there is room, and room is given back after each message', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  let free = 2;
  let most = 0;
  const { promise: opened, resolve: open1 } = Promise.withResolvers<void>();
  const handled: string[] = [];
  await submit(broker, 'a', 'b', 'c', 'd');
  await using _running = startWorker(
    broker.connection,
    async (delivery) => {
      handled.push(textOf(delivery));
      return ack;
    },
    {
      slots: 2,
      admit: async () => {
        await opened;
        most = Math.max(most, 3 - free--);
        return { release: () => free++ };
      },
    },
  );
  await eventually(async () => (await lookAtDurable(broker)).pulls === 0, {
    what: 'nothing is asked for',
  });
  expect(await lookAtDurable(broker)).toMatchObject({ inFlight: 0, toCome: 4 });
  open1();
  await eventually(() => handled.length === 4, { what: 'all are handled' });
  expect(most).toBeLessThanOrEqual(2);
});

test('the work goes on after the broker was killed and came back', async () => {
  await using broker = await startBroker();
  await makeDurable(broker);
  const handled = new Set<string>();
  await using _running = startWorker(
    broker.connection,
    async (delivery) => {
      handled.add(textOf(delivery));
      return ack;
    },
    { slots: 3 },
  );
  await submit(broker, 'before');
  await eventually(() => handled.has('before'), { what: 'the first is handled' });
  await broker.server.kill();
  await broker.server.restart();
  await eventually(() => submit(broker, 'after').then(() => true), { what: 'the broker is back' });
  await eventually(() => handled.has('after'), { what: 'the next is handled', limitMs: 60_000 });
});
