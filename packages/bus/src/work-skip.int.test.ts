import { flow } from '@vm-task/shared/flow';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { created, sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { done } from './outcome.ts';

test('what is nothing to a worker is acknowledged unread', async () => {
  await using broker = await startBroker();
  const { bus, connection } = broker;
  const [skipped, wanted] = [sampleTask(), sampleTask()];
  const stop = new AbortController();
  for (const task of [skipped, wanted]) await bus.append(created(task), 0, stop.signal);
  const handled: string[] = [];
  const handle = async ({ event }: { event: { subject: string } }) => {
    handled.push(event.subject);
    return done();
  };
  const skip = (subject: string) => subject.includes(skipped);
  const options = { slots: 1, stop: stop.signal, abort: stop.signal, scope: { pool: 'default' }, skip };
  const working = bus.workEvents(flow.provisionerOnTaskCreated, handle, options);
  const acknowledged = async () =>
    (await connection.jsm.consumers.info('EVENTS', 'created-pool-default')).ack_floor.consumer_seq === 2;
  await eventually(acknowledged, { what: 'both are acknowledged' });
  stop.abort();
  await working;
  expect(handled).toEqual([`task.created.default.${wanted}.any`]);
});
