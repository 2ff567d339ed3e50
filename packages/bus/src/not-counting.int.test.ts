/** Messages that count for nothing, or that only a newer version can read: what workers do with them. */
import type { Draft } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import { eventSubject, eventsOf } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { alerts, append, settled, workEvents } from '@vm-task/testing/event-worker';
import { completed, created, sampleTask, sampleVm, setupDone, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { encode } from './envelope.ts';
import { findCreated, findSetUp, readCreated } from './find-task.ts';
import { done, reject } from './outcome.ts';

const never = new AbortController().signal;

/** Publishes under our envelope what this version cannot read. */
async function publishUnknown({ connection }: Broker, draft: Draft<'task.created'>, expected: number, body: object) {
  const { headers } = encode(draft, `unknown/${expected}`, 'elsewhere', new Date());
  const expect = {
    lastSubjectSequence: expected,
    lastSubjectSequenceSubject: eventsOf({ pool: 'default', task: draft.data.task }),
  };
  return (await connection.js.publish(eventSubject(draft), JSON.stringify(body), { headers, expect })).seq;
}

test('an event of a newer version is left to a newer service, reported once, and ends nothing', async () => {
  await using broker = await startBroker();
  const [task, other] = [sampleTask(), sampleTask()];
  const draft = created(task);
  const seq = await publishUnknown(broker, draft, 0, { ...draft.data, v: 99 });
  const handled: unknown[] = [];
  await using _working = workEvents(broker, flow.provisionerOnTaskCreated, async ({ event }) => {
    handled.push('task' in event.data && event.data.task);
    return done();
  });
  await append(broker, created(other), 0);
  await eventually(() => handled.length === 1, { what: 'another one is handled' });
  expect(handled).toEqual([other]);
  await eventually(async () => (await alerts(broker)).length === 1, { what: 'people are told' });
  expect(await alerts(broker)).toEqual([expect.stringMatching(/^alert\.raised\.warning\.newer-event\./)]);
  expect(await broker.bus.head({ pool: 'default', task })).toMatchObject({
    type: 'unknown',
    said: 'task.created',
    seq,
  });
  const { num_ack_pending } = await broker.connection.jsm.consumers.info('EVENTS', 'created-pool-default');
  expect(num_ack_pending).toBe(1);
});

test('what is no event is acknowledged, and in the way of nothing', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  await broker.connection.js.publish(`task.created.default.${task}.any`, JSON.stringify(created(task).data));
  let handled = 0;
  await using _working = workEvents(broker, flow.provisionerOnTaskCreated, async () => {
    handled++;
    return done();
  });
  await eventually(() => settled(broker, 'created-pool-default'), { what: 'it is acknowledged' });
  expect(handled).toBe(0);
  expect(await broker.bus.head({ pool: 'default', task })).toBeNull();
  // The sequence has moved all the same.
  const appended = await broker.bus.append(created(task), 0, never);
  expect(appended).toMatchObject({ kind: 'stored', event: { seq: 2 } });
});

test('what is no event hides none of the task: not how it began, not that its setup is done', async () => {
  await using broker = await startBroker();
  const { connection, bus } = broker;
  const task = sampleTask();
  const key = { pool: 'default', task };
  const begun = await append(broker, created(task), 0);
  const ready = await append(broker, vmReady(task), begun);
  await append(broker, setupDone(task), ready);
  for (const draft of [created(task), setupDone(task)]) await connection.js.publish(eventSubject(draft), 'by hand');
  expect((await bus.head(key))?.seq).toBe(ready);
  expect((await findCreated(connection, task))?.seq).toBe(begun);
  expect((await readCreated(connection, key))?.seq).toBe(begun);
  expect(await findSetUp(connection, { ...key, attempt: 1 }, 'host-1')).not.toBeNull();
  expect(await bus.append(setupDone(task), ready, never)).toMatchObject({ kind: 'stored' });
});

test('what a host says of a task that is not its own is nothing to anybody', async () => {
  await using broker = await startBroker();
  await using foreign = await broker.connect({ host: 'host-2' });
  const task = sampleTask();
  const vm = sampleVm();
  const ready = await append(broker, vmReady(task, { vm }), await append(broker, created(task), 0));
  // Whoever is not bound by our code expects whatever is there.
  const end = completed(task, { vm, outcome: 'failed' }, 'host-2');
  const { headers, payload } = encode(end, 'forged', 'elsewhere', new Date());
  const key = { pool: 'default', task };
  const expectation = { lastSubjectSequence: ready, lastSubjectSequenceSubject: eventsOf(key) };
  await foreign.connection.js.publish(eventSubject(end), payload, { headers, expect: expectation });
  expect(await broker.bus.head(key)).toMatchObject({ type: 'vm.ready', seq: ready });
  let handled = 0;
  await using _working = workEvents(broker, flow.intakeOnTaskCompleted, async () => {
    handled++;
    return done();
  });
  await eventually(() => settled(broker, 'intake-task-completed'), { what: 'it is acknowledged' });
  expect(handled).toBe(0);
  await append(broker, completed(task, { vm }), ready);
  await eventually(() => handled === 1, { what: 'its own end is handled' });
});

test('what a handler rejects is a dead letter and an alert, and its task is left to its deadlines', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const seq = await append(broker, created(task), 0);
  await using _working = workEvents(broker, flow.provisionerOnTaskCreated, async () => reject('no such runtime'));
  await eventually(() => settled(broker, 'created-pool-default'), { what: 'it is terminated' });
  const letter = `dead.created-pool-default.EVENTS.${seq}.any`;
  const stored = await broker.connection.jsm.streams.getMessage('DEAD', { last_by_subj: letter });
  expect(stored?.json()).toMatchObject({ reason: 'no such runtime' });
  expect(await alerts(broker)).toEqual(['alert.raised.warning.dead-letter.created-pool-default.any']);
  expect(await broker.bus.head({ pool: 'default', task })).toMatchObject({ type: 'task.created' });
});
