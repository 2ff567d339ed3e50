import type { Stray } from '@vm-task/hypervisor/hypervisor';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { silentLogger } from '@vm-task/service/log';
import type { RetryPhase } from '@vm-task/shared/retry-policy';
import { eventPatterns } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import type { FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { creatingVm } from '@vm-task/testing/sample-states';
import { never } from '@vm-task/testing/tasks-by-hand';
import { expect, test } from 'vitest';
import { startRig } from '../test/reaper.ts';
import { audit, taskLog } from './audit.ts';
import { enforceLedgerDeadlines } from './ledger-deadlines.ts';

const onceOnly = { ...sample.sampleSpec, retry: { ...sample.sampleSpec.retry, maxAttempts: 1 } };

test('the VM of a task that is over is removed when no provisioner does it', async () => {
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  const { task, vm, seq } = await rig.createReady();
  await rig.store(sample.completed(task, { vm }), seq);
  rig.reap();
  await rig.goneOf(vm);
  expect(await audit(hypervisor, taskLog(bus, 'host-1'))).toEqual({
    vms: 0,
    leaked: [],
    missing: [],
    untold: [],
    unreadable: [],
  });
});

test('a VM that this host has never heard of: audit says so while its task is live, and when that is over', async () => {
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  const [task, elsewhere] = [sample.sampleTask(), sample.sampleTask()];
  const vm = sample.sampleVm();
  const { seq } = await rig.store(sample.created(task));
  const ready = await rig.store(sample.vmReady(task, { vm }), seq);
  const other = await rig.store(sample.created(elsewhere));
  await rig.store(sample.vmReady(elsewhere, {}, 'host-2'), other.seq);
  const look = () => audit(hypervisor, taskLog(bus, 'host-1'));
  expect((await look()).missing).toMatchObject([{ id: vm, task, why: expect.stringContaining('at work in it') }]);
  await rig.store(sample.completed(task, { vm }), ready.seq);
  expect(await look()).toMatchObject({
    missing: [],
    untold: [{ id: vm, task, why: expect.stringContaining('never says that it is gone') }],
  });
  await bus.announce(sample.vmGone(vm, { task }), never);
  expect((await look()).untold).toEqual([]);
});

test('a VM that is claimed for a task nobody knows is removed, one of a task that waits is not', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const waiting = sample.sampleTask();
  await rig.store(sample.created(waiting));
  const kept = await rig.claimFor(waiting);
  const orphan = await rig.claimFor(sample.sampleTask());
  rig.reap();
  await rig.goneOf(orphan);
  expect(await hypervisor.isAlive(kept)).toBe(true);
});

test('a second VM for one attempt is removed, the one that the stream names stays', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const { task, vm } = await rig.createReady();
  const second = await rig.claimFor(task);
  rig.reap();
  await rig.goneOf(second);
  expect(await hypervisor.isAlive(vm)).toBe(true);
});

test('a task whose VM died unnoticed before anything was started is tried again', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const { task, vm } = await rig.createReady();
  hypervisor.crash(vm);
  rig.reap();
  await rig.goneOf(vm);
  expect(await rig.head(task)).toMatchObject({
    type: 'task.retrying',
    data: { attempt: 1, next: 2, vm, phase: 'vm', error: { code: 'vm-lost' } },
  });
});

test.each<[string, boolean, RetryPhase[], object]>([
  ['its process may have run', true, ['run'], { type: 'task.retrying', data: { phase: 'run' } }],
  ['its process may have run', true, ['vm', 'setup'], { type: 'task.completed', data: { outcome: 'failed' } }],
  ['its setup may have begun', false, ['setup'], { type: 'task.retrying', data: { phase: 'setup' } }],
  ['its setup may have begun', false, ['vm', 'run'], { type: 'task.completed', data: { outcome: 'failed' } }],
])('a lost VM where %s (set up: %s) counts so, with retries on %j', async (_what, isSetUp, on, head) => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const setup = [{ kind: 'run' as const, script: 'true' }];
  const spec = { ...sample.sampleSpec, setup, retry: { ...sample.sampleSpec.retry, on } };
  const { task, vm, seq } = await rig.createReady({ spec });
  if (isSetUp) await rig.store(sample.setupDone(task), seq);
  hypervisor.crash(vm);
  rig.reap();
  await rig.goneOf(vm);
  expect(await rig.head(task)).toMatchObject(head);
});

test('the VM that is made for the next attempt is left alone while the task still waits', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const [task, sweptTask] = [sample.sampleTask(), sample.sampleTask()];
  const { seq } = await rig.store(sample.created(task));
  await rig.store(sample.retrying(task), seq);
  const [last, next] = [await rig.claimFor(task), await rig.claimFor(task, { attempt: 2 })];
  const orphan = await rig.claimFor(sweptTask);
  rig.reap();
  await rig.goneOf(last);
  await rig.goneOf(orphan);
  expect(await hypervisor.isAlive(next)).toBe(true);
});

test('a task whose VM died unnoticed has failed', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const { task, vm, seq } = await rig.createReady();
  await rig.store(sample.setupDone(task), seq);
  hypervisor.crash(vm);
  rig.reap();
  expect((await rig.endOf(task)).data).toMatchObject({ outcome: 'failed', vm, error: { code: 'vm-lost' } });
  await rig.goneOf(vm);
});

test('a task whose VM this host has never heard of has failed', async () => {
  await using rig = await startRig();
  const [here, elsewhere] = [sample.sampleTask(), sample.sampleTask()];
  for (const [task, host] of [
    [here, 'host-1'],
    [elsewhere, 'host-2'],
  ] as const) {
    const { seq } = await rig.store(sample.created(task, { spec: onceOnly }));
    await rig.store(sample.vmReady(task, {}, host), seq);
  }
  rig.reap();
  expect((await rig.endOf(here)).data.error?.code).toBe('vm-lost');
  expect((await rig.head(elsewhere))?.type).toBe('vm.ready');
});

test('a removal that a crash cut short is finished', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const { task, vm, seq } = await rig.createReady();
  await rig.store(sample.completed(task, { vm }), seq);
  await hypervisor.end(vm, 'its task succeeded');
  rig.reap();
  await rig.goneOf(vm);
});

test('a VM whose maker has died is removed', async () => {
  await using rig = await startRig();
  const halfMade = creatingVm({ creator: { pid: process.pid, startTicks: 1 } });
  const left = new Map<string, VmState>([[halfMade.record.vm, halfMade]]);
  const hypervisor: FakeHypervisor = {
    ...rig.hypervisor,
    list: async () => [...left.values()],
    find: async (vm) => left.get(vm) ?? null,
    destroy: async (vm) => void left.delete(vm),
  };
  rig.reap({ hypervisor });
  await eventually(() => left.size === 0, { what: 'it is gone' });
});

test('what carries our mark and is in no ledger goes after the grace, and people are told', async () => {
  await using rig = await startRig();
  const { bus, hypervisor } = rig;
  const stray: Stray = { kind: 'process', pid: 4242, startTicks: 1, vm: sample.sampleVm() };
  hypervisor.addStray(stray);
  rig.reap();
  await eventually(async () => (await hypervisor.strays()).length === 0, { what: 'it is gone' });
  const { streams } = bus.connection.jsm;
  await eventually(() => streams.getMessage('EVENTS', { last_by_subj: eventPatterns['alert.raised'] }), {
    what: 'the alert',
  });
});

test('what is within the grace is left alone', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  hypervisor.addStray({ kind: 'process', pid: 4242, startTicks: 1, vm: sample.sampleVm() });
  const orphan = await rig.claimFor(sample.sampleTask());
  rig.reap({ orphanGrace: '1h' });
  // Swept more than once by the time that the orphan, which needs two sweeps, has gone.
  await rig.goneOf(orphan);
  expect(await hypervisor.strays()).toHaveLength(1);
});

test('a VM past its own deadline is ended without the broker, and reported when there is one', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const task = sample.sampleTask();
  const vm = await rig.claimFor(task, { lifeMs: 300 });
  const stop = new AbortController();
  const options = { hypervisor, sweepMs: 60_000, log: silentLogger, stop: stop.signal };
  const enforcing = enforceLedgerDeadlines(options);
  const ended = await eventually(
    async () => {
      const state = await hypervisor.find(vm);
      return state?.phase === 'ending' && state;
    },
    { what: 'it is ended' },
  );
  expect(ended).toMatchObject({ claim: { task }, ended: { reason: 'its deadline has passed' } });
  stop.abort();
  await enforcing;
  const { seq } = await rig.store(sample.created(task, { spec: onceOnly }));
  await rig.store(sample.vmReady(task, { vm }), seq);
  rig.reap();
  expect((await rig.endOf(task)).data).toMatchObject({ outcome: 'failed', vm, error: { code: 'vm-lost' } });
  await rig.goneOf(vm);
});
