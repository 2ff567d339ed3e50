import type { Bus } from '@vm-task/bus/bus';
import { eventSubject, taskSubject } from '@vm-task/shared/subjects';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import { eventually } from '@vm-task/testing/conditions';
import { storeNewer } from '@vm-task/testing/newer-events';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { startRig } from '../test/reaper.ts';

const within = (timeouts: Partial<TaskSpec['timeouts']>) => ({
  spec: { ...sample.sampleSpec, timeouts: { ...sample.sampleSpec.timeouts, ...timeouts } },
});

test('a task that waits in vain for a VM of a full pool ends when its queue time is over', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  for (let vm = 0; vm < 4; vm += 1) await rig.createReady();
  rig.reap();
  const { task, time } = await rig.create(within({ queueMs: 300 }));
  const ended = await rig.endOf(task);
  expect(ended.data).toMatchObject({ outcome: 'timed_out', vm: null, error: { code: 'timed-out-queue' } });
  expect(ended.data.error?.message).toContain('waited 300ms for a free VM of pool "default" (max 4)');
  const lateMs = ended.time.getTime() - time.getTime() - 300;
  // What the reaper takes for the broker's time may be off by half of the way to it. How late is `bench/overrun`'s matter.
  expect(lateMs).toBeGreaterThanOrEqual(-200);
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
  const overtaken: Bus = {
    ...bus,
    async append(draft, fence, signal) {
      if (draft.type === 'task.completed' && !isResumed) {
        isResumed = true;
        await rig.store(sample.resumed(task, vm), fence);
        await told.promise;
      }
      return bus.append(draft, fence, signal);
    },
    async *follow(options) {
      for await (const followed of bus.follow(options)) {
        yield followed;
        // Whoever asks for the next one has taken this one, which may be before its writer hears that it is stored.
        if (followed.message.subject === resumed) told.resolve();
      }
    },
  };
  rig.reap({ bus: overtaken, sweep: '1h' });
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

test('what came due while the broker was away for long ends within 5 s of its return', {
  timeout: 90_000,
}, async () => {
  await using rig = await startRig();
  const { server } = rig.broker;
  rig.reap();
  const { task } = await rig.create(within({ queueMs: 3_000 }));
  const { task: witness } = await rig.create(within({ queueMs: 1 }));
  await rig.endOf(witness);
  await server.kill();
  const isLong = AbortSignal.timeout(20_000);
  await eventually(() => isLong.aborted, { what: 'it was away for 20 s', limitMs: 40_000 });
  const backMs = Date.now();
  await server.restart();
  const ended = await rig.endOf(task);
  // A client takes up to half a second to be back, too.
  expect(ended.time.getTime() - backMs).toBeLessThan(6_000);
  const alerts = await rig.bus.connection.jsm.streams.info('EVENTS', { subjects_filter: 'alert.>' });
  expect(alerts.state.subjects).toBeUndefined();
});

test('a task that is cancelled before it has a VM is over at once', async () => {
  await using rig = await startRig();
  rig.reap();
  const { task, seq } = await rig.create();
  await rig.store(sample.cancelling(task, {}, 'any'), seq);
  expect((await rig.endOf(task)).data).toMatchObject({ outcome: 'cancelled', vm: null, error: null });
});

test("a cancelled task that has a VM is its runner's to end", async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  rig.reap();
  const { task, vm, seq } = await rig.createReady();
  const cancelling = await rig.store(sample.cancelling(task), seq);
  const { task: witness, ...other } = await rig.create();
  await rig.store(sample.cancelling(witness, {}, 'any'), other.seq);
  await rig.endOf(witness);
  expect((await rig.head(task))?.seq).toBe(cancelling.seq);
  expect(await hypervisor.isAlive(vm)).toBe(true);
});
