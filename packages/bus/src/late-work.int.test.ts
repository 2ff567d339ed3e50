/** Workers that are late, or of whom nothing is heard: whatever they do then, what happened stays as it is (I4, I10). */

import { silentLogger } from '@vm-task/service/log';
import type { Stored } from '@vm-task/shared/events';
import { consumerFor, flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import { accountsWith, type Broker, sampleScope, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { type Proxy as Relay, startProxy } from '@vm-task/testing/proxy';
import { created, sampleTask, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import type { Accounts } from './accounts.ts';
import type { Appended } from './append.ts';
import { type Bus, createBus } from './bus.ts';
import { openConnection } from './connection.ts';
import { done, type HandlerOutcome } from './outcome.ts';

const never = new AbortController().signal;
const scope = { pool: 'default' };
const row = flow.provisionerOnTaskCreated;

/** Longer than a message waits for its worker. */
const silenceMs = 7_000;

function startWorker(bus: Bus, handle: (event: Stored) => Promise<HandlerOutcome>, slots = 1): AsyncDisposable {
  const stop = new AbortController();
  const working = bus.workEvents(row, ({ event }) => handle(event), {
    slots,
    stop: stop.signal,
    abort: stop.signal,
    scope,
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
    },
  };
}

/** A bus whose way to the broker can be lost. */
async function connectThroughProxy({ server }: Broker): Promise<AsyncDisposable & { bus: Bus; proxy: Relay }> {
  await using started = new AsyncDisposableStack();
  const proxy = started.use(await startProxy(server.port));
  const address = { ...server.address(), servers: [`nats://127.0.0.1:${proxy.port}`] };
  const connection = started.use(await openConnection(address, 'behind the proxy'));
  const all = started.move();
  const bus = createBus(connection, 'vm-task/test', silentLogger);
  return { bus, proxy, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function submit({ bus }: Pick<Broker, 'bus'>): Promise<TaskId> {
  const task = sampleTask();
  await bus.append(created(task), 0, never);
  return task;
}

const vmOf = (appended: Appended) =>
  appended.kind === 'stored' && appended.event.type === 'vm.ready' ? appended.event.data.vm : null;

const headOf = ({ bus }: Broker, task: TaskId) => bus.head({ pool: 'default', task });

/** Every message of the durable is acknowledged. */
async function expectSettled({ connection }: Broker): Promise<void> {
  const settled = async () => {
    const info = await connection.jsm.consumers.info('EVENTS', consumerFor(row, scope).name);
    return info.delivered.consumer_seq > 0 && info.num_ack_pending === 0 && info.num_pending === 0;
  };
  await eventually(settled, { what: 'nothing is left to do', limitMs: 60_000 });
}

async function expectOneVmReady(broker: Broker, task: TaskId): Promise<void> {
  await expectSettled(broker);
  expect(await headOf(broker, task)).toMatchObject({ type: 'vm.ready', seq: 2 });
  expect((await broker.connection.jsm.streams.info('EVENTS')).state.last_seq).toBe(2);
}

test.concurrent('an ack that is lost after the effect: the message comes again, and nothing is done again', async () => {
  await using broker = await startBroker();
  await using far = await connectThroughProxy(broker);
  const task = await submit(broker);
  const stored = Promise.withResolvers<void>();
  let handled = 0;
  await using _worker = startWorker(far.bus, async () => {
    handled++;
    // The event is stored then, and the acknowledgement is to follow.
    const settle = async () => {
      far.proxy.hang();
      stored.resolve();
    };
    return done(vmReady(task), { settle });
  });
  await stored.promise;
  far.proxy.cut();
  far.proxy.open();
  await expectOneVmReady(broker, task);
  expect(handled).toBe(1);
});

test.concurrent('a late ack of a stale worker takes nothing from the one that has its message now', async () => {
  await using broker = await startBroker();
  await using far = await connectThroughProxy(broker);
  const task = await submit(broker);
  const told: (string | null)[] = [];
  const settle = async (appended: Appended) => void told.push(vmOf(appended));
  const [stale, successor] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const has: string[] = [];
  await using _stale = startWorker(far.bus, async () => {
    has.push('stale');
    await stale.promise;
    return done(vmReady(task), { settle });
  });
  await eventually(() => has.length === 1, { what: 'the first worker has it' });
  far.proxy.hang();
  await using _successor = startWorker(broker.bus, async () => {
    has.push('successor');
    await successor.promise;
    return done(vmReady(task), { settle });
  });
  await eventually(() => has.length === 2, { what: 'the second worker has it', limitMs: 60_000 });
  far.proxy.open();
  stale.resolve();
  await eventually(() => told.length === 1, { what: 'the stale worker has stored its event', limitMs: 60_000 });
  successor.resolve();
  await eventually(() => told.length === 2, { what: 'the other one is told', limitMs: 60_000 });
  expect(has).toEqual(['stale', 'successor']);
  expect(told[1]).toBe(told[0]);
  await expectOneVmReady(broker, task);
});

test.concurrent('rights that are taken away under a running service: it goes on when they are given back', async () => {
  const all = accountsWith(['provisioner'], sampleScope);
  const { accounts, ...config } = JSON.parse(`{${all}}`) as { accounts: Accounts };
  for (const user of accounts['HOST_host-1']?.users ?? []) {
    const isLeft = (subject: string) => !subject.startsWith('vm.ready') && !subject.includes('STREAM.MSG.GET');
    user.permissions = { publish: user.permissions?.publish.filter(isLeft) ?? [], subscribe: ['>'] };
  }
  const fewer = JSON.stringify({ accounts, ...config }).slice(1, -1);
  await using broker = await startBroker({ config: all });
  await using service = await broker.connect({ user: 'provisioner' });
  await using _worker = startWorker(service.bus, async ({ data }) => {
    if (!('task' in data)) throw new Error('no task');
    return done(vmReady(data.task as TaskId));
  });
  const first = await submit(broker);
  await eventually(() => headOf(broker, first).then((head) => head?.type === 'vm.ready'), { what: 'it works' });
  await broker.server.reload(fewer);
  // The server tells a connection that it lost a right only by refusing it.
  const isRefused = async () => {
    const task = await submit(broker);
    const isDone = async () => (await headOf(broker, task))?.type === 'vm.ready';
    const { jsm } = broker.connection;
    const comesAgain = async () =>
      (await jsm.consumers.info('EVENTS', consumerFor(row, scope).name)).num_redelivered > 0;
    await eventually(async () => (await isDone()) || (await comesAgain()), { what: 'it is done, or comes again' });
    return (await isDone()) ? null : task;
  };
  const second = await eventually(isRefused, { what: 'a task is stuck', limitMs: 60_000 });
  await broker.server.reload(all);
  const isReady = () => headOf(broker, second).then((head) => head?.type === 'vm.ready');
  await eventually(isReady, { what: 'it goes on', limitMs: 90_000 });
  await expectSettled(broker);
});

test('a redelivery while its worker still works, with its event loop blocked: one of the two is heard', async () => {
  await using broker = await startBroker();
  await using other = await broker.connect();
  const task = await submit(broker);
  const told: (string | null)[] = [];
  const settle = async (appended: Appended) => void told.push(vmOf(appended));
  let handled = 0;
  const handle = async () => {
    handled++;
    const until = performance.now() + silenceMs;
    if (handled === 1) while (performance.now() < until);
    else await eventually(() => told.length > 0, { what: 'the first one is heard' });
    return done(vmReady(task), { settle });
  };
  await using _first = startWorker(broker.bus, handle, 2);
  await using _second = startWorker(other.bus, handle, 2);
  await eventually(() => told.length > 0, { what: 'it is done', limitMs: 60_000 });
  await expectOneVmReady(broker, task);
  expect(new Set(told).size).toBe(1);
});
