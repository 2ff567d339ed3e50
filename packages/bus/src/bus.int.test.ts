import { context, propagation, trace } from '@opentelemetry/api';
import { silentLogger } from '@vm-task/service/log';
import { startTelemetry } from '@vm-task/service/telemetry';
import { anyHost, type Stored } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { append, settled, workEvents } from '@vm-task/testing/event-worker';
import { cancelling, completed, created, resumed, sampleTask, sampleVm, vmReady } from '@vm-task/testing/sample-events';
import { eventAt } from '@vm-task/testing/stored';
import { setBackByAnHour } from '@vm-task/testing/wall-clock';
import { afterAll, expect, test } from 'vitest';
import { createBus, type Handling } from './bus.ts';
import { openConnection } from './connection.ts';
import { done, ignore } from './outcome.ts';

const telemetry = await startTelemetry('test', false);
afterAll(() => telemetry[Symbol.asyncDispose]());

const _never = new AbortController().signal;
const _scope = { pool: 'default', host: 'host-1' };

async function allOf({ bus, connection }: Broker, about: TaskId): Promise<Stored[]> {
  const { state } = await connection.jsm.streams.info('EVENTS');
  const all = await Promise.all(
    Array.from({ length: state.last_seq }, (_, index) => eventAt(bus, index + 1).catch(() => null)),
  );
  return all.filter((event) => event !== null && 'task' in event.data && event.data.task === about) as Stored[];
}

test('a handler gets the event with its head, and what it returns is appended behind it before the ack', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await append(broker, created(task), 0);
  const ready = vmReady(task);
  await using _working = workEvents(broker, flow.provisionerOnTaskCreated, async ({ event, head, deliveries }) => {
    expect(event).toMatchObject({ ...created(task), seq: first });
    expect(head).toEqual(event);
    expect(deliveries).toBe(1);
    return done(ready);
  });
  await eventually(() => settled(broker, 'created-pool-default'), { what: 'it is handled' });
  expect(await broker.bus.head({ pool: 'default', task })).toMatchObject({ ...ready, seq: first + 1 });
});

test('an event that is no longer the head is acknowledged without being handled', async () => {
  // Nothing is fresh to a host whose clock is wrong.
  setBackByAnHour();
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await append(broker, created(task), 0);
  await append(broker, cancelling(task, {}, anyHost), first);
  const handled: string[] = [];
  await using _working = workEvents(broker, flow.provisionerOnTaskCreated, async ({ event }) => {
    handled.push(event.id);
    return done();
  });
  await eventually(() => settled(broker, 'created-pool-default'), { what: 'it is acknowledged' });
  expect(handled).toEqual([]);
});

test('a fresh event is handled without a look at the head, and what follows is refused where it is no longer that', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await append(broker, created(task), 0);
  await append(broker, cancelling(task, {}, anyHost), first);
  const followed: string[] = [];
  await using _working = workEvents(broker, flow.provisionerOnTaskCreated, async ({ event, head, signal }) => {
    expect(head).toBe(event);
    followed.push((await broker.bus.append(vmReady(task), event.seq, signal)).kind);
    return done();
  });
  await eventually(() => settled(broker, 'created-pool-default'), { what: 'it is acknowledged' });
  expect(followed).toEqual(['conflict']);
});

test("an attempt that was resumed or is being cancelled is still its runner's, and that of another attempt is not", async () => {
  // Nothing is fresh to a host whose clock is wrong.
  setBackByAnHour();
  await using broker = await startBroker();
  const vm = sampleVm();
  const [resumedTask, cancelled, other] = [sampleTask(), sampleTask(), sampleTask()];
  for (const [task, next] of [
    [resumedTask, resumed(resumedTask, vm)],
    [cancelled, cancelling(cancelled)],
    [other, cancelling(other, { attempt: 2 })],
  ] as const) {
    const first = await append(broker, created(task), 0);
    await append(broker, next, await append(broker, vmReady(task, { vm }), first));
  }
  const heads = new Map<string, string | undefined>();
  await using _working = workEvents(broker, flow.runnerOnVmReady, async ({ event, head }) => {
    if (event.type === 'vm.ready') heads.set(event.data.task, head?.type);
    return done();
  });
  await eventually(() => settled(broker, 'runner-host-1'), { what: 'all are acknowledged' });
  expect([...heads]).toEqual([
    [resumedTask, 'task.resumed'],
    [cancelled, 'task.cancelling'],
  ]);
});

test('what says what to release is handled whatever the head is', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const vm = sampleVm();
  const first = await append(broker, created(task), 0);
  await append(broker, completed(task, { vm }), first);
  const released: unknown[] = [];
  await using _working = workEvents(
    broker,
    flow.provisionerOnTaskCompleted,
    async ({ event }) => {
      released.push(event.data);
      return done();
    },
    { past: true },
  );
  await eventually(() => settled(broker, 'release-host-1'), { what: 'it is handled' });
  expect(released).toMatchObject([{ vm }]);
});

test('a handler whose append is a conflict is told, before the ack', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await append(broker, created(task), 0);
  const told: unknown[] = [];
  await using _working = workEvents(broker, flow.provisionerOnTaskCreated, async () => {
    await append(broker, cancelling(task, {}, anyHost), first);
    return done(vmReady(task), { settle: async (appended) => void told.push(appended.kind) });
  });
  await eventually(() => settled(broker, 'created-pool-default'), { what: 'it is acknowledged' });
  expect(told).toEqual(['conflict']);
});

test('a worker that another one replaced leaves the message to it', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const vm = sampleVm();
  const ready = await append(broker, vmReady(task, { vm }), await append(broker, created(task), 0));
  await using _working = workEvents(broker, flow.runnerOnVmReady, async ({ deliveries }) => {
    if (deliveries > 1) return ignore('the test is over');
    await append(broker, resumed(task, vm), ready);
    return done(completed(task, { vm }));
  });
  await eventually(async () => (await broker.bus.head({ pool: 'default', task }))?.type === 'task.resumed', {
    what: 'another runner took over',
  });
  const info = () => broker.connection.jsm.consumers.info('EVENTS', 'runner-host-1');
  await eventually(async () => (await info()).num_waiting === 1, { what: 'the slot is free again' });
  expect((await info()).num_ack_pending).toBe(1);
});

test('commands are handled as they were published, by whatever client', async () => {
  await using broker = await startBroker();
  await broker.connection.js.publish('task.submit', '{"run":"echo hi"}');
  const stop = new AbortController();
  const seen: unknown[] = [];
  const options = { slots: 1, stop: stop.signal, abort: stop.signal };
  const working = broker.bus.workMessages(
    flow.intakeOnTaskSubmit,
    async ({ event, head }) => {
      seen.push([Buffer.from(event.data).toString(), event.seq, head]);
      return done();
    },
    options,
  );
  await eventually(() => seen.length === 1, { what: 'it is handled' });
  stop.abort();
  await working;
  expect(seen).toEqual([['{"run":"echo hi"}', 1, null]]);
});

test('a trace goes from the publisher through every handler on the way', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const traceOf = (event: Stored | null) => event?.traceparent?.split('-')[1];
  const span = trace.getTracer('test').startSpan('submit');
  await context.with(trace.setSpan(context.active(), span), () => append(broker, created(task), 0));
  const inHandlers: (string | undefined)[] = [];
  const note = () => inHandlers.push(trace.getActiveSpan()?.spanContext().traceId);
  await using _provisioning = workEvents(broker, flow.provisionerOnTaskCreated, async () => {
    note();
    return done(vmReady(task));
  });
  await using _running = workEvents(broker, flow.runnerOnVmReady, async () => {
    note();
    return done(completed(task));
  });
  const { traceId } = span.spanContext();
  const end = await eventually(async () => (await allOf(broker, task)).find(({ type }) => type === 'task.completed'), {
    what: 'the task is completed',
  });
  expect(inHandlers).toEqual([traceId, traceId]);
  expect((await allOf(broker, task)).map(traceOf)).toEqual([traceId, traceId, traceId]);
  const carrier = { traceparent: end.traceparent };
  const parent = trace.getSpanContext(propagation.extract(context.active(), carrier));
  expect(parent?.spanId).not.toBe(span.spanContext().spanId);
});

test('two services on one durable share its events: each is handled by one of them', async () => {
  await using broker = await startBroker();
  await using other = await openConnection(broker.server.address(), 'other');
  const tasks = Array.from({ length: 30 }, sampleTask);
  const handledBy = new Map<string, number>();
  const handler = (which: number) => async (handling: Handling<Stored>) => {
    if (handling.event.type !== 'task.created') throw new Error('not asked for');
    handledBy.set(handling.event.data.task, which);
    return done(vmReady(handling.event.data.task));
  };
  await using _first = workEvents(broker, flow.provisionerOnTaskCreated, handler(1), { slots: 2 });
  const otherBus = createBus(other, 'vm-task/other', silentLogger);
  await using _second = workEvents({ bus: otherBus }, flow.provisionerOnTaskCreated, handler(2), { slots: 2 });
  for (const task of tasks) await append(broker, created(task), 0);
  await eventually(() => settled(broker, 'created-pool-default'), { what: 'all are handled' });
  expect(handledBy.size).toBe(tasks.length);
  const { state } = await broker.connection.jsm.streams.info('EVENTS');
  expect(state.messages).toBe(2 * tasks.length);
});
