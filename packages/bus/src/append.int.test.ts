import { silentLogger } from '@vm-task/service/log';
import type { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type Stored } from '@vm-task/shared/events';
import { eventsOf, subjectMatches } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { startProxy } from '@vm-task/testing/proxy';
import {
  cancelling,
  completed,
  created,
  resumed,
  sampleTask,
  sampleVm,
  setupDone,
  vmGone,
  vmReady,
} from '@vm-task/testing/sample-events';
import { eventAt } from '@vm-task/testing/stored';
import { expect, test } from 'vitest';
import type { append } from './append.ts';
import { createBus } from './bus.ts';
import { openConnection } from './connection.ts';

const never = new AbortController().signal;

/** The sequence of an event that must have been stored. */
async function stored(appending: ReturnType<typeof append>): Promise<number> {
  const appended = await appending;
  if (appended.kind === 'conflict') throw new Error(`conflict with ${appended.head?.type}`);
  return appended.event.seq;
}

async function allOf({ bus, connection }: Broker, task: string): Promise<Stored[]> {
  const { state } = await connection.jsm.streams.info('EVENTS');
  const all = await Promise.all(Array.from({ length: state.last_seq }, (_, index) => eventAt(bus, index + 1)));
  return all.filter((event) => event !== null && 'task' in event.data && event.data.task === task) as Stored[];
}

test('an event that follows the head is stored, with what the stream gave it', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await stored(broker.bus.append(created(task), 0, never));
  const draft = vmReady(task);
  const appended = await broker.bus.append(draft, first, never);
  expect(appended).toMatchObject({
    kind: 'stored',
    event: { ...draft, id: `vm.ready/${task}/${first}/host-1`, seq: 2 },
  });
  expect(await broker.bus.head({ pool: 'default', task })).toMatchObject({ ...draft, seq: 2 });
});

test('an event behind an older head is a conflict and told the new head', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await stored(broker.bus.append(created(task), 0, never));
  const second = await stored(broker.bus.append(cancelling(task, {}, anyHost), first, never));
  const late = await broker.bus.append(vmReady(task), first, never);
  expect(late).toMatchObject({ kind: 'conflict', head: { type: 'task.cancelling', seq: second } });
});

test('a task that is not there (any more) is a conflict with no head at all', async () => {
  await using broker = await startBroker();
  const late = await broker.bus.append(vmReady(sampleTask()), 17, never);
  expect(late).toEqual({ kind: 'conflict', head: null });
});

test('the same decision made again is stored already, with the data of whoever was first', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const expectedSeq = await stored(broker.bus.append(created(task), 0, never));
  const [mine, others] = [vmReady(task), vmReady(task)];
  const seq = await stored(broker.bus.append(others, expectedSeq, never));
  const again = await broker.bus.append(mine, expectedSeq, never);
  expect(again).toMatchObject({ kind: 'stored', event: { seq, data: { vm: others.data.vm } } });
  expect(await allOf(broker, task)).toHaveLength(2);
});

test('of two racing writers exactly one wins, and both know which', async () => {
  await using broker = await startBroker();
  await using other = await broker.connect();
  for (let round = 0; round < 25; round++) {
    const task = sampleTask();
    const expectedSeq = await stored(broker.bus.append(created(task), 0, never));
    const [ready, ended] = await Promise.all([
      broker.bus.append(vmReady(task), expectedSeq, never),
      other.bus.append(completed(task, { outcome: 'cancelled' }), expectedSeq, never),
    ]);
    const head = await broker.bus.head({ pool: 'default', task });
    const kinds = [ready.kind, ended.kind].sort();
    expect(kinds).toEqual(['conflict', 'stored']);
    const [winner, loser] = ready.kind === 'stored' ? [ready, ended] : [ended, ready];
    expect(winner).toMatchObject({ event: { seq: head?.seq, type: head?.type } });
    expect(loser).toMatchObject({ head: { seq: head?.seq } });
  }
});

test('of ten who make the same event at once, all are told the one that was stored', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const expectedSeq = await stored(broker.bus.append(created(task), 0, never));
  const all = await Promise.all(Array.from({ length: 10 }, () => broker.bus.append(vmReady(task), expectedSeq, never)));
  const head = (await broker.bus.head({ pool: 'default', task })) as Stored<'vm.ready'>;
  for (const one of all) expect(one).toMatchObject({ kind: 'stored', event: { data: { vm: head.data.vm } } });
  expect(await allOf(broker, task)).toHaveLength(2);
});

test('after the end everything of the task is refused, a second end too', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await stored(broker.bus.append(created(task), 0, never));
  const vm = sampleVm();
  const ready = await stored(broker.bus.append(vmReady(task, { vm }), first, never));
  const end = await stored(broker.bus.append(completed(task, { vm }), ready, never));
  const drafts = [created(task), vmReady(task), resumed(task, vm), setupDone(task), cancelling(task), completed(task)];
  for (const draft of drafts) {
    for (const expectedSeq of [0, first, ready]) {
      const refused = await broker.bus.append(draft, expectedSeq, never);
      const same = await eventAt(broker.bus, refused.kind === 'stored' ? refused.event.seq : end);
      // The very same decision was stored before; everything else is refused.
      if (refused.kind === 'stored') expect(same?.id).toBe(`${draft.type}/${task}/${expectedSeq}/${draft.host}`);
      else expect(refused.head).toMatchObject({ seq: end, type: 'task.completed' });
    }
  }
  const [, , ended] = await allOf(broker, task);
  expect(ended).toMatchObject({ seq: end, data: { outcome: 'succeeded' } });
  expect(await allOf(broker, task)).toHaveLength(3);
});

test('the end of the setup expects the last sequence, but does not move it', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const first = await stored(broker.bus.append(created(task), 0, never));
  const ready = await stored(broker.bus.append(vmReady(task), first, never));
  await stored(broker.bus.append(setupDone(task), ready, never));
  expect(await broker.bus.head({ pool: 'default', task })).toMatchObject({ seq: ready });
  const stale = await broker.bus.append(setupDone(task), first, never);
  expect(stale).toMatchObject({ kind: 'conflict', head: { seq: ready } });
  await stored(broker.bus.append(completed(task), ready, never));
});

test('an append that landed while its answer was lost is reported as stored', async () => {
  await using broker = await startBroker();
  await using proxy = await startProxy(broker.server.port);
  await using connection = await openConnection(
    { ...broker.server.address(), servers: [`nats://127.0.0.1:${proxy.port}`] },
    'behind the proxy',
  );
  const bus = createBus(connection, 'vm-task/test', silentLogger);
  const task = sampleTask();
  proxy.dropAnswers();
  const appending = bus.append(created(task), 0, never);
  await eventually(() => broker.bus.head({ pool: 'default', task }), { what: 'it landed' });
  proxy.open();
  proxy.cut();
  expect(await appending).toMatchObject({ kind: 'stored', event: { seq: 1 } });
  expect(await allOf(broker, task)).toHaveLength(1);
});

test('an append outlives a broker that is killed and comes back, and is stored once', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const expectedSeq = await stored(broker.bus.append(created(task), 0, never));
  await broker.server.kill();
  const appending = broker.bus.append(vmReady(task), expectedSeq, never);
  await broker.server.restart();
  await stored(appending);
  expect(await allOf(broker, task)).toHaveLength(2);
});

test('appends go on through a kill in their midst: each is stored once, and in order', async () => {
  await using broker = await startBroker();
  const tasks = Array.from({ length: 40 }, sampleTask);
  const chains = tasks.map(async (task) => {
    const first = await stored(broker.bus.append(created(task), 0, never));
    const second = await stored(broker.bus.append(vmReady(task), first, never));
    return stored(broker.bus.append(completed(task), second, never));
  });
  await eventually(async () => (await broker.connection.jsm.streams.info('EVENTS')).state.last_seq > 10, {
    what: 'some are stored',
  });
  await broker.server.kill();
  await broker.server.restart();
  await Promise.all(chains);
  const { state } = await broker.connection.jsm.streams.info('EVENTS');
  expect(state.messages).toBe(3 * tasks.length);
});

test('an append outlives a broker that hangs for a while', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const expectedSeq = await stored(broker.bus.append(created(task), 0, never));
  await broker.server.pause();
  const appending = broker.bus.append(vmReady(task), expectedSeq, never);
  // What is asked later is given up, so the append's own first request has been, too.
  await expect(broker.connection.jsm.streams.info('EVENTS')).rejects.toThrow('timeout');
  broker.server.resume();
  await stored(appending);
  expect(await allOf(broker, task)).toHaveLength(2);
});

test('an append that is given up says so, while the broker hangs', async () => {
  await using broker = await startBroker();
  await broker.server.pause();
  const giveUp = new AbortController();
  const appending = broker.bus.append(created(sampleTask()), 0, giveUp.signal);
  const order: string[] = [];
  const request = broker.connection.jsm.streams.info('EVENTS').catch(() => order.push('a request was given up'));
  giveUp.abort(new Error('the drain is over'));
  await expect(appending).rejects.toThrow('the drain is over');
  order.push('the append was given up');
  await request;
  expect(order).toEqual(['the append was given up', 'a request was given up']);
});

test('an event that is too large for the broker is refused at once', async () => {
  await using broker = await startBroker();
  const result = { kind: 'text', source: 'stdout', value: 'x'.repeat(9 * 1024 * 1024) } as const;
  const appending = broker.bus.append(completed(sampleTask(), { result }), 0, never);
  await expect(appending).rejects.toMatchObject({ code: 'payload-too-large' } satisfies Partial<VmTaskError>);
});

test('a stream at its limit is an error of its own', async () => {
  await using broker = await startBroker();
  const { state } = await broker.connection.jsm.streams.info('EVENTS');
  await broker.connection.jsm.streams.update('EVENTS', { max_bytes: state.bytes + 1 });
  const appending = broker.bus.append(created(sampleTask()), 0, never);
  await expect(appending).rejects.toMatchObject({ code: 'stream-full' } satisfies Partial<VmTaskError>);
});

test('a user who may not publish an event is told so, instead of trying for ever', async () => {
  await using broker = await startBroker({ users: ['reaper'] });
  await using reaper = await broker.connect({ user: 'reaper' });
  const appending = reaper.bus.append(created(sampleTask()), 0, never);
  await expect(appending).rejects.toMatchObject({ code: 'broker-denied' } satisfies Partial<VmTaskError>);
});

test('that a VM is gone is stored once, however often it is said and with whatever reason', async () => {
  await using broker = await startBroker();
  const vm = sampleVm();
  await broker.bus.announce(vmGone(vm), never);
  await broker.bus.announce(vmGone(vm), never);
  await broker.bus.announce(vmGone(vm, { reason: 'it is an orphan' }), never);
  const { state } = await broker.connection.jsm.streams.info('EVENTS');
  expect(state.messages).toBe(1);
});

test('what is about the course of no task does not move the expected sequence of any task', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const vm = sampleVm();
  const expectedSeq = await stored(broker.bus.append(created(task), 0, never));
  await broker.bus.announce(vmGone(vm, { task }), never);
  expect(subjectMatches(eventsOf({ pool: 'default', task }), `vm.gone.default.${vm}.host-1`)).toBe(false);
  await stored(broker.bus.append(vmReady(task), expectedSeq, never));
});
