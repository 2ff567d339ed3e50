import type { Bus } from '@vm-task/bus/bus';
import { eventSubject, taskSubject } from '@vm-task/shared/subjects';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import { eventually } from '@vm-task/testing/conditions';
import { storeNewer } from '@vm-task/testing/newer-events';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { startRig } from '../test/reaper.ts';

/** The reaper knows the broker's clock by a question and its answer, which takes its time on a busy machine. */
const clockErrorMs = 1_000;

const within = (timeouts: Partial<TaskSpec['timeouts']>) => ({
  spec: { ...sample.sampleSpec, timeouts: { ...sample.sampleSpec.timeouts, ...timeouts } },
});

test('a task that waits in vain for a VM of a full pool ends when its queue time is over', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  for (let vm = 0; vm < 4; vm += 1) await rig.createReady();
  rig.reap();
  const { task, time } = await rig.create(within({ queueMs: 1_300 }));
  const ended = await rig.endOf(task);
  expect(ended.data).toMatchObject({ outcome: 'timed_out', vm: null, error: { code: 'timed-out-queue' } });
  expect(ended.data.error?.message).toContain('waited 1s300ms for a free VM of pool "default" (max 4)');
  // Not before its time: what the reaper takes for the broker's is off by the way to it at most. How late is `bench/overrun`'s matter.
  expect(ended.time.getTime() - time.getTime()).toBeGreaterThan(1_300 - clockErrorMs);
  expect(await hypervisor.list()).toHaveLength(4);
});

test.each([
  ['setup', { setupMs: 300 }],
  ['total', { totalMs: 300 }],
  ['run', { runMs: 300 }],
] as const)('a task whose %s takes too long ends, and its VM is gone', async (phase, timeouts) => {
  await using rig = await startRig();
  rig.reap();
  const { task, vm, seq } = await rig.createReady(within(timeouts));
  if (phase === 'run') await rig.store(sample.setupDone(task), seq);
  const ended = await rig.endOf(task);
  expect(ended.data).toMatchObject({ outcome: 'timed_out', vm, error: { code: `timed-out-${phase}` } });
  await rig.goneOf(vm);
});

test('a task that is resumed just as it is being ended ends all the same, without waiting for the sweep', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const { task, vm } = await rig.createReady(within({ setupMs: 300 }));
  const told = Promise.withResolvers<void>();
  const resumed = taskSubject('task.resumed', { pool: 'default', task }, 'host-1');
  let isResumed = false;
  const conflict: Bus = {
    ...bus,
    async append(draft, expectedSeq, signal) {
      if (draft.type === 'task.completed' && !isResumed) {
        isResumed = true;
        await rig.store(sample.resumed(task, vm), expectedSeq);
        await told.promise;
      }
      return bus.append(draft, expectedSeq, signal);
    },
    async *follow(options) {
      for await (const followed of bus.follow(options)) {
        yield followed;
        // Whoever asks for the next one has taken this one, which may be before its writer hears that it is stored.
        if (followed.message.subject === resumed) told.resolve();
      }
    },
  };
  rig.reap({ bus: conflict, sweep: '1h' });
  expect((await rig.endOf(task)).data).toMatchObject({ error: { code: 'timed-out-setup' } });
});

test('a task that goes on in time is left alone', async () => {
  await using rig = await startRig();
  rig.reap();
  const { task } = await rig.createReady(within({ queueMs: 200 }));
  const { task: witness } = await rig.create(within({ queueMs: 300 }));
  await rig.endOf(witness);
  expect((await rig.head(task))?.type).toBe('vm.ready');
});

test('whoever puts what on its subjects, a task ends in time: by its phase, or by its total behind a newer event', async () => {
  await using rig = await startRig();
  const { connection } = rig.bus;
  rig.reap();
  const { task: disturbed, vm, seq } = await rig.createReady(within({ setupMs: 300 }));
  await rig.store(sample.setupDone(disturbed, {}, 'host-2'), seq);
  await rig.store(sample.completed(disturbed, {}, 'host-2'), seq);
  const copied = sample.completed(disturbed);
  await connection.js.publish(eventSubject(copied), JSON.stringify(copied.data));
  const { task: newer, ...created } = await rig.create(within({ queueMs: 100, totalMs: 1_000 }));
  await storeNewer(connection, sample.vmReady(newer), created.seq);
  const ended = await rig.endOf(disturbed);
  expect(ended).toMatchObject({
    host: 'host-1',
    data: { outcome: 'timed_out', vm, error: { code: 'timed-out-setup' } },
  });
  expect((await rig.endOf(newer)).data).toMatchObject({ outcome: 'timed_out', error: { code: 'timed-out-total' } });
});

test('what came due while no reaper was there ends first of all', async () => {
  await using rig = await startRig();
  const { task } = await rig.create(within({ queueMs: 1 }));
  rig.reap();
  await rig.endOf(task);
});

test('what came due while the broker was away for long ends after its return, and that it took long is no failure', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const { server } = rig.broker;
  let inVain = 0;
  const counting: Bus = {
    ...bus,
    head: (taskKey) =>
      bus.head(taskKey).catch((error) => {
        inVain += 1;
        throw error;
      }),
  };
  rig.reap({ bus: counting });
  const { task } = await rig.create(within({ queueMs: 3_000 }));
  const { task: witness } = await rig.create(within({ queueMs: 1 }));
  await rig.endOf(witness);
  await server.kill();
  // A background job that fails for the third time rests for seconds, then for minutes, and people are told.
  await eventually(() => inVain === 3, { what: 'the reaper asked in vain three times', limitMs: 90_000 });
  await server.restart();
  await rig.endOf(task);
  const alerts = await rig.bus.connection.jsm.streams.info('EVENTS', { subjects_filter: 'alert.>' });
  expect(alerts.state.subjects).toBeUndefined();
});

test('a task that is cancelled before it has a VM is over at once', async () => {
  await using rig = await startRig();
  rig.reap({ patienceMs: 600_000 });
  const { task, seq } = await rig.create();
  await rig.store(sample.cancelling(task, {}, 'any'), seq);
  expect((await rig.endOf(task)).data).toMatchObject({ outcome: 'cancelled', vm: null, error: null });
});

test("a cancelled task that has a VM, or one at its limit, is its runner's to end", async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.reap({ patienceMs: 600_000 });
  const late = await rig.createReady(within({ setupMs: 1 }));
  const { task, vm, seq } = await rig.createReady();
  const cancelling = await rig.store(sample.cancelling(task), seq);
  const { task: witness, ...other } = await rig.create();
  await rig.store(sample.cancelling(witness, {}, 'any'), other.seq);
  await rig.endOf(witness);
  expect((await rig.head(task))?.seq).toBe(cancelling.seq);
  expect((await rig.head(late.task))?.seq).toBe(late.seq);
  expect(await hypervisor.isAlive(vm)).toBe(true);
});
