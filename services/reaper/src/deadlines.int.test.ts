import type { Bus } from '@vm-task/shared/bus/bus';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { endOf, goneOf, reap, store, storeReady } from '../test/reaper.ts';

const createdWith = (task: ReturnType<typeof sample.sampleTask>, timeouts: Partial<TaskSpec['timeouts']>) =>
  sample.created(task, {
    spec: { ...sample.sampleSpec, timeouts: { ...sample.sampleSpec.timeouts, ...timeouts } },
  });

test('a task that waits in vain for a VM of a full pool ends when its queue time is over', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  for (let vm = 0; vm < 4; vm += 1) {
    const other = sample.sampleTask();
    await storeReady(bus, hypervisor, other);
  }
  await using _reaper = reap(bus, hypervisor);
  const task = sample.sampleTask();
  const { time } = await store(bus, createdWith(task, { queueMs: 300 }));
  const ended = await endOf(bus, task);
  expect(ended.data).toMatchObject({ outcome: 'timed_out', vm: null, error: { code: 'timed-out-queue' } });
  expect(ended.data.error?.message).toContain('waited 300ms for a free VM of pool "default" (max 4)');
  const lateMs = ended.time.getTime() - time.getTime() - 300;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(1_000);
  expect(await hypervisor.list()).toHaveLength(4);
});

test.each([
  ['setup', { setupMs: 300 }],
  ['total', { totalMs: 300 }],
  ['run', { runMs: 300 }],
] as const)('a task whose %s takes too long ends, and its VM is gone', async (phase, timeouts) => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _reaper = reap(bus, hypervisor);
  const task = sample.sampleTask();
  const { vm, seq } = await storeReady(bus, hypervisor, task, createdWith(task, timeouts));
  if (phase === 'run') await store(bus, sample.setupDone(task), seq);
  const ended = await endOf(bus, task);
  expect(ended.data).toMatchObject({ outcome: 'timed_out', vm, error: { code: `timed-out-${phase}` } });
  await goneOf(bus, hypervisor, vm);
});

test('a task that is resumed just as it is being ended ends all the same, without waiting for the sweep', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const task = sample.sampleTask();
  const told = Promise.withResolvers<void>();
  let resumed = 0;
  const overtaken: Bus = {
    ...bus,
    async append(draft, fence, signal) {
      if (draft.type === 'task.completed' && resumed === 0) {
        resumed = (await store(bus, sample.resumed(task, ready.vm), fence)).seq;
        await told.promise;
      }
      return bus.append(draft, fence, signal);
    },
    async *follow(options) {
      for await (const followed of bus.follow(options)) {
        yield followed;
        // Whoever asks for the next one has taken this one.
        if (followed.message.seq === resumed) told.resolve();
      }
    },
  };
  const ready = await storeReady(bus, hypervisor, task, createdWith(task, { setupMs: 300 }));
  await using _reaper = reap(overtaken, hypervisor, { sweep: '1h' });
  expect((await endOf(bus, task)).data).toMatchObject({ error: { code: 'timed-out-setup' } });
});

test('a task that goes on in time is left alone', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _reaper = reap(bus, hypervisor);
  const [task, witness] = [sample.sampleTask(), sample.sampleTask()];
  await storeReady(bus, hypervisor, task, createdWith(task, { queueMs: 200 }));
  await store(bus, createdWith(witness, { queueMs: 300 }));
  await endOf(bus, witness);
  expect((await bus.head({ pool: 'default', task }))?.type).toBe('vm.ready');
});

test('what came due while no reaper was there ends first of all', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const task = sample.sampleTask();
  await store(bus, createdWith(task, { queueMs: 1 }));
  await using _reaper = reap(bus, createFakeHypervisor());
  await endOf(bus, task);
});

test('what came due while the broker was away for long ends within 5 s of its return', {
  timeout: 90_000,
}, async () => {
  await using broker = await startBroker();
  const { bus, server } = broker;
  await using _reaper = reap(bus, createFakeHypervisor());
  const [task, witness] = [sample.sampleTask(), sample.sampleTask()];
  await store(bus, createdWith(task, { queueMs: 3_000 }));
  await store(bus, createdWith(witness, { queueMs: 1 }));
  await endOf(bus, witness);
  await server.kill();
  const isLong = AbortSignal.timeout(20_000);
  await eventually(() => isLong.aborted, { what: 'it was away for 20 s', limitMs: 40_000 });
  const backMs = Date.now();
  await server.restart();
  const ended = await endOf(bus, task);
  // A client takes up to half a second to be back, too.
  expect(ended.time.getTime() - backMs).toBeLessThan(6_000);
  const alerts = await bus.connection.jsm.streams.info('EVENTS', { subjects_filter: 'alert.>' });
  expect(alerts.state.subjects).toBeUndefined();
});

test('a task that is cancelled before it has a VM is over at once', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  await using _reaper = reap(bus, createFakeHypervisor());
  const task = sample.sampleTask();
  const { seq } = await store(bus, sample.created(task));
  await store(bus, sample.cancelling(task), seq);
  expect((await endOf(bus, task)).data).toMatchObject({ outcome: 'cancelled', vm: null, error: null });
});

test("a cancelled task that has a VM is its runner's to end", async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  await using _reaper = reap(bus, hypervisor);
  const [task, witness] = [sample.sampleTask(), sample.sampleTask()];
  const { vm, seq } = await storeReady(bus, hypervisor, task);
  const cancelling = await store(bus, sample.cancelling(task), seq);
  const other = await store(bus, sample.created(witness));
  await store(bus, sample.cancelling(witness), other.seq);
  await endOf(bus, witness);
  expect((await bus.head({ pool: 'default', task }))?.seq).toBe(cancelling.seq);
  expect(await hypervisor.isAlive(vm)).toBe(true);
});
