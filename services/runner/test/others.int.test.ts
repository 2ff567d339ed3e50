/** What others store about an attempt: hosts that do not have its VM, and services that are newer than this runner. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode, eventId } from '@vm-task/bus/envelope';
import { readHistory } from '@vm-task/bus/task-history';
import { anyHost, type Draft } from '@vm-task/shared/events';
import { eventPatterns, eventSubject, eventsOf, logSubject, type TaskKey } from '@vm-task/shared/subjects';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { append, type Rig, startRig, startRunningRig, type Task } from './rig.ts';

const other = 'host-2';
const gated = (gate: string) => ({ run: `echo begun; until [ -e "${gate}" ]; do sleep 0.05; done; echo over` });

const isBegun = (rig: Rig, task: Task) =>
  eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the process runs' });

/** Everything that the other host may publish with the task's name in it, each as if nothing had come between. */
async function speakOf(rig: Rig, { task, pool, ready }: Task): Promise<void> {
  const { bus, connection } = rig.broker;
  const { vm } = ready.data;
  const said: Draft[] = [
    sample.vmReady(task, { attempt: 2 }, other),
    sample.resumed(task, vm, { runner: 'another' }, other),
    sample.setupDone(task, {}, other),
    sample.retrying(task, { vm }, other),
    sample.completed(task, { vm, outcome: 'failed', exitCode: 1 }, other),
  ];
  const { seq } = (await bus.head({ task, pool })) ?? ready;
  for (const draft of said) await append(bus, draft, seq);
  await connection.js.publish(`task.completed.${pool}.${task}.${other}`, 'no event at all');
  await connection.js.publish(logSubject(task, 1, 'stdout', other), 'foreign output\n');
}

test('what another host says of an attempt moves its sequence, and nothing else', async () => {
  await using rig = await startRig();
  const gate = join(rig.guest.home, 'heard');
  const first = await rig.startRunner();
  const task = await rig.submit(gated(gate));
  await isBegun(rig, task);
  await speakOf(rig, task);
  await first.stop();
  // Whoever takes over finds the attempt as it is.
  await using _second = await rig.startRunner();
  const typesOf = async () => (await readHistory(rig.broker.connection, task)).events.map(({ type }) => type);
  await eventually(async () => (await typesOf()).at(-1) === 'task.resumed', { what: 'it is taken over' });
  await speakOf(rig, task);
  await writeFile(gate, '');
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', exitCode: 0, attempt: 1 });
  expect((await rig.output(task)).stdout.toString()).toBe('begun\nover\n');
  await speakOf(rig, task);
  expect(await typesOf()).toEqual(['task.created', 'vm.ready', 'task.resumed', 'task.completed']);
  expect(await rig.broker.bus.head(task)).toMatchObject({ type: 'task.completed', host: 'host-1' });
});

/** As a service of a later version does. */
async function appendAsNewer({ connection }: Broker, draft: Draft, key: TaskKey, seq: number): Promise<void> {
  const { payload, headers } = encode(draft, eventId(draft, seq), 'test', new Date());
  const newer = JSON.stringify({ ...JSON.parse(Buffer.from(payload).toString()), v: 2, more: true });
  const expectation = { lastSubjectSequence: seq, lastSubjectSequenceSubject: eventsOf(key) };
  await connection.js.publish(eventSubject(draft), newer, { headers, expect: expectation });
}

/** The provisioner of a later version reports a VM. */
async function tellAsNewer({ broker }: Rig): Promise<TaskKey> {
  const key = { pool: 'default', task: sample.sampleTask() };
  const { seq } = await append(broker.bus, sample.created(key.task), 0);
  await appendAsNewer(broker, sample.vmReady(key.task), key, seq);
  return key;
}

test('a VM that a newer version reports is left to a newer runner; people are told once, and others go on', async () => {
  await using rig = await startRunningRig();
  const { connection, bus } = rig.broker;
  const tasks = [await tellAsNewer(rig), await tellAsNewer(rig)];
  const left = async () => (await connection.jsm.consumers.info('EVENTS', 'runner-host-1')).num_ack_pending;
  await eventually(async () => (await left()) === 2, { what: 'both have been delivered' });
  const alerts = { subjects_filter: eventPatterns['alert.raised'] };
  const told = async () => Object.keys((await connection.jsm.streams.info('EVENTS', alerts)).state.subjects ?? {});
  await eventually(async () => (await told()).length > 0, { what: 'people are told' });
  // Its places are free: what it cannot read waits at the broker.
  for (let count = 0; count < 4; count++)
    expect(await rig.run({ run: 'true' })).toMatchObject({ outcome: 'succeeded' });
  expect(await told()).toEqual(['alert.raised.warning.newer-event.vm-ready.host-1']);
  for (const { task, pool } of tasks) {
    const head = await bus.head({ task, pool });
    expect(head).toMatchObject({ type: 'unknown', said: 'vm.ready', version: 2 });
    // Its deadline.
    await append(bus, sample.completed(task, { outcome: 'timed_out' }, anyHost), head?.seq ?? 0);
  }
  await eventually(async () => (await left()) === 0, { what: 'nobody is to read them any more', limitMs: 60_000 });
});

test('an attempt that a newer version goes on with stays with it, whatever this runner had begun', async () => {
  await using rig = await startRunningRig();
  const { bus, connection } = rig.broker;
  const gate = join(rig.guest.home, 'taken over');
  const task = await rig.submit(gated(gate));
  await isBegun(rig, task);
  const { vm } = task.ready.data;
  await appendAsNewer(rig.broker, sample.resumed(task.task, vm, { runner: 'newer' }), task, task.ready.seq);
  await writeFile(gate, '');
  // Its own end is refused, and the message is not acknowledged: who dies with the attempt is replaced.
  const durable = () => connection.jsm.consumers.info('EVENTS', 'runner-host-1');
  await eventually(async () => (await durable()).num_redelivered === 1, { what: 'it comes again', limitMs: 60_000 });
  const head = await bus.head(task);
  expect(head).toMatchObject({ type: 'unknown', said: 'task.resumed' });
  await append(bus, sample.completed(task.task, { vm, outcome: 'timed_out' }, anyHost), head?.seq ?? 0);
  await eventually(async () => (await durable()).num_ack_pending === 0, {
    what: 'nobody is to have it',
    limitMs: 60_000,
  });
});
