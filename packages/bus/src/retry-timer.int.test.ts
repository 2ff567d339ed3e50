import { anyHost, type Stored } from '@vm-task/shared/events';
import { retryDueSubject, retryTimerSubject } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { rawOf } from './envelope.ts';
import { readRetryDue, setRetryTimer, wakeRetry } from './retry-timer.ts';

function waiting(inMs: number, seq = 7): Stored<'task.retrying'> {
  const notBefore = new Date(Date.now() + inMs).toISOString();
  return { ...sample.retrying(sample.sampleTask(), { notBefore }), seq } as Stored<'task.retrying'>;
}

async function dueOf({ connection }: Pick<Broker, 'connection'>, { data }: Stored<'task.retrying'>) {
  const message = await connection.jsm.streams.getMessage('TIMERS', { last_by_subj: retryDueSubject(data, anyHost) });
  const due = message === null ? null : readRetryDue(rawOf(message));
  return message !== null && due?.kind === 'due' ? { time: message.time.getTime(), retrying: due.retrying } : null;
}

const comesDue = (broker: Broker, event: Stored<'task.retrying'>) =>
  eventually(() => dueOf(broker, event), { what: 'the timer has fired' });

test('a timer fires once its time has come, and says for which wait', async () => {
  await using broker = await startBroker();
  const event = waiting(700);
  await setRetryTimer(broker.connection, event, anyHost);
  expect(await dueOf(broker, event)).toBeNull();
  const due = await comesDue(broker, event);
  expect(due.retrying).toBe(7);
  expect(due.time).toBeGreaterThanOrEqual(Date.parse(event.data.notBefore));
});

test('a timer survives a crash of the broker, and one whose time passed meanwhile fires at once', async () => {
  await using broker = await startBroker();
  const [soon, later] = [waiting(300), waiting(4_000)];
  await setRetryTimer(broker.connection, soon, anyHost);
  await setRetryTimer(broker.connection, later, anyHost);
  await broker.server.kill();
  await eventually(() => Date.now() > Date.parse(soon.data.notBefore), { what: 'the time of one has passed' });
  await broker.server.restart();
  await using again = await broker.connect();
  const due = await eventually(() => dueOf(again, soon), { what: 'the timer has fired' });
  expect(due.retrying).toBe(7);
  await eventually(() => dueOf(again, later), { what: 'the other timer has fired' });
});

test('what somebody else has published there is no timer: the wait ends all the same', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const event = waiting(0);
  const key = { pool: event.data.pool, task: event.data.task };
  await connection.js.publish(retryDueSubject(key, anyHost), 'by hand');
  expect(await wakeRetry(connection, key, anyHost, 7)).toBe(true);
  await connection.js.publish(retryDueSubject(key, anyHost), JSON.stringify({ v: 2, novel: true }));
  expect(await wakeRetry(connection, key, anyHost, 7)).toBe(true);
  expect(await wakeRetry(connection, key, anyHost, 7)).toBe(false);
});

test('a timer that is set again replaces the one before', async () => {
  await using broker = await startBroker();
  const first = waiting(60_000);
  await setRetryTimer(broker.connection, first, anyHost);
  const notBefore = new Date().toISOString();
  await setRetryTimer(broker.connection, { ...first, seq: 9, data: { ...first.data, notBefore } }, anyHost);
  expect((await comesDue(broker, first)).retrying).toBe(9);
  const timer = retryTimerSubject(first.data, anyHost);
  await eventually(
    async () => (await broker.connection.jsm.streams.getMessage('TIMERS', { last_by_subj: timer })) === null,
    { what: 'no timer is left' },
  );
});

test('a wait whose timer was lost is ended by exactly one of those who look', async () => {
  await using broker = await startBroker();
  const { data } = waiting(-20_000);
  const looks = Array.from({ length: 4 }, () => wakeRetry(broker.connection, data, anyHost, 7));
  expect((await Promise.all(looks)).filter(Boolean)).toHaveLength(1);
  expect(await wakeRetry(broker.connection, data, anyHost, 7)).toBe(false);
  expect(await wakeRetry(broker.connection, data, anyHost, 12)).toBe(true);
});

test('a wait whose timer has fired is left alone', async () => {
  await using broker = await startBroker();
  const event = waiting(0);
  await setRetryTimer(broker.connection, event, anyHost);
  await comesDue(broker, event);
  expect(await wakeRetry(broker.connection, event.data, anyHost, 7)).toBe(false);
});
