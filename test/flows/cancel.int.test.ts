/** A task that is cancelled, at whatever moment: one end, its VM gone, and its place free for the next one. */
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { eventsOf, logSubject } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { runSeed } from '@vm-task/testing/seed';
import { expect, test } from 'vitest';
import { type System, startSystem } from './system.ts';

/** What it leaves: one terminal event, after which only VMs go, and every VM that it had is gone. */
async function expectOneEnd({ eventsOf, hypervisor }: System, task: TaskId): Promise<void> {
  const isGone = async () => {
    const states = await hypervisor.list();
    return states.every((state) => state.phase === 'ready' || state.phase === 'creating');
  };
  await eventually(isGone, { what: 'no VM is claimed or going' });
  const events = await eventsOf(task);
  const types = events.map(({ type }) => type);
  const end = types.indexOf('task.completed');
  expect(types.slice(end + 1).filter((type) => type !== 'vm.gone')).toEqual([]);
  const had = events.flatMap((event) => (event.type === 'vm.ready' ? event.data.vm : []));
  const gone = events.flatMap((event) => (event.type === 'vm.gone' ? event.data.vm : []));
  expect(gone).toEqual(had);
}

/** With one place in the pool, the next task has a VM only when the place is free. */
async function expectFreePlace(system: System): Promise<void> {
  const next = await system.submit({ run: 'echo next' });
  expect((await system.headOf(next, 'task.completed')).data).toMatchObject({ outcome: 'succeeded' });
}

async function cancelAndSee(system: System, task: TaskId): Promise<Stored<'task.completed'>> {
  expect(await system.cancel(task)).toMatchObject({ kind: 'cancelling' });
  const end = await system.headOf(task, 'task.completed');
  await expectOneEnd(system, task);
  await expectFreePlace(system);
  return end;
}

async function countEvents({ broker }: System, task: TaskId): Promise<number> {
  const subjects_filter = eventsOf({ pool: 'default', task });
  const { state } = await broker.connection.jsm.streams.info('EVENTS', { subjects_filter });
  return Object.values(state.subjects ?? {}).reduce((all, count) => all + count, 0);
}

const hasOutput = ({ broker }: System, task: TaskId, stream: 'setup' | 'stdout') =>
  eventually(
    () => broker.connection.jsm.streams.getMessage('LOGS', { last_by_subj: logSubject(task, 1, stream, 'host-1') }),
    {
      what: `it writes to ${stream}`,
      limitMs: 60_000,
    },
  );

test('cancelled while it waits in the queue, it is over at once, and those before it are left alone', async () => {
  await using system = await startSystem({ max: 1 });
  const running = await system.submit({ run: 'echo begun; sleep 3' });
  await hasOutput(system, running, 'stdout');
  const queued = await system.submit({ run: 'echo never' });
  await system.cancel(queued);
  const end = await system.headOf(queued, 'task.completed');
  expect(end.data).toMatchObject({ outcome: 'cancelled', vm: null });
  expect((await system.headOf(running, 'task.completed')).data).toMatchObject({ outcome: 'succeeded' });
  await expectOneEnd(system, queued);
  await expectFreePlace(system);
});

test('cancelled while its VM is cloned, it leaves none', async () => {
  await using system = await startSystem({ max: 1 });
  await eventually(async () => (await system.hypervisor.list()).length === 1, { what: 'the warm VM is there' });
  const [warm] = await system.hypervisor.list();
  const held = system.hypervisor.holdNext('create');
  system.hypervisor.crash(warm?.record.vm ?? expect.fail('there is no warm VM'));
  const task = await system.submit({ run: 'echo never' });
  await eventually(async () => (await system.hypervisor.list()).length === 0, { what: 'its VM is being made' });
  await system.cancel(task);
  expect((await system.headOf(task, 'task.completed')).data).toMatchObject({ outcome: 'cancelled', vm: null });
  held.letGo();
  await expectOneEnd(system, task);
  await expectFreePlace(system);
});

test('cancelled in a setup step, it never starts its process', async () => {
  await using system = await startSystem({ max: 1 });
  const task = await system.submit({ setup: [{ run: 'echo begun; exec sleep 300' }], run: 'echo never' });
  await hasOutput(system, task, 'setup');
  expect((await cancelAndSee(system, task)).data).toMatchObject({ outcome: 'cancelled', exitCode: null });
  const said = await system.broker.connection.jsm.streams.getMessage('LOGS', {
    last_by_subj: logSubject(task, 1, 'stdout', 'host-1'),
  });
  expect(said).toBeNull();
});

test('cancelled while its process runs, the process and what it started are asked, then killed after the grace', async () => {
  await using system = await startSystem({ max: 1 });
  const stubborn =
    'trap "" TERM; sh -c \'trap "" TERM; while :; do sleep 0.1; done\' & echo begun; while :; do sleep 0.1; done';
  const task = await system.submit({ run: stubborn });
  await hasOutput(system, task, 'stdout');
  const askedAt = performance.now();
  expect((await cancelAndSee(system, task)).data).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' });
  expect(performance.now() - askedAt).toBeGreaterThan(2_000);
  expect(system.guest.jobProcesses()).toEqual([]);
});

test('cancelled while it waits for its next attempt, it has none', async () => {
  await using system = await startSystem({ max: 1 });
  const task = await system.submit({ run: 'exit 3', retry: { backoff: '5m', on: ['run'] } });
  await system.headOf(task, 'task.retrying');
  expect((await cancelAndSee(system, task)).data).toMatchObject({ outcome: 'cancelled', vm: null });
});

test('cancelled at any moment, by several at once, each of many has one end and leaves nothing', async () => {
  await using system = await startSystem({ copies: 2 });
  const seed = runSeed('cancel at any moment');
  // After so many of its events: one that is left alone has seven.
  const moments = Array.from({ length: 24 }, (_, index) => 1 + (((seed + 1) * (index + 1) * 7_919) % 7));
  const one = async (moment: number) => {
    const file = { setup: [{ run: 'sleep 0.2' }], run: 'sleep 0.5; exit 3', retry: { backoff: '300ms', on: ['run'] } };
    const task = await system.submit(file);
    await eventually(async () => (await countEvents(system, task)) >= moment, {
      what: `it has ${moment} events`,
      limitMs: 60_000,
    });
    await Promise.all([system.cancel(task), system.cancel(task)]);
    const { data } = await system.headOf(task, 'task.completed');
    expect(['cancelled', 'failed']).toContain(data.outcome);
    return task;
  };
  const tasks = await Promise.all(moments.map(one));
  for (const task of tasks) await expectOneEnd(system, task);
  const next = await Promise.all(Array.from({ length: 4 }, () => system.submit({ run: 'true' })));
  for (const task of next) {
    expect((await system.headOf(task, 'task.completed')).data).toMatchObject({ outcome: 'succeeded' });
  }
});
