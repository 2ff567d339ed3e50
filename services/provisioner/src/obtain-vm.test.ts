import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { silentLogger } from '@vm-task/service/log';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import { sampleTask } from '@vm-task/testing/sample-events';
import { never, vmClass } from '@vm-task/testing/tasks-by-hand';
import { expect, test } from 'vitest';
import { leaveWarm } from '../test/provisioner.ts';
import { Capacity } from './capacity.ts';
import { type Allocation, type ObtainContext, obtainVm } from './obtain-vm.ts';
import { Preparations } from './preparations.ts';

const exact = { ...vmClass, image: { name: 'python', version: '3.2.0' } };
const limits = { poolMax: 1, hostMax: 16 };

function makeContext(): ObtainContext & { readonly hypervisor: ReturnType<typeof createFakeHypervisor> } {
  const hypervisor = createFakeHypervisor();
  return {
    bus: { announce: async () => undefined },
    host: 'host-1',
    hypervisor,
    preparations: new Preparations(hypervisor, () => undefined, never),
    capacity: new Capacity(
      () => hypervisor.list(),
      () => limits,
    ),
    limits,
    clock: { nowMs: () => Date.now() },
    log: silentLogger,
  };
}

/** For a task whose VM is to be gone in `leftMs`. */
function allocationOf(leftMs: number): Allocation {
  const deadline = deadlineFrom(Date.now() + leftMs, Date.now());
  const signals = { signal: never, patience: never };
  const wanted = { task: sampleTask(), attempt: 1, vmClass: exact, warm: true };
  return { ...wanted, deadline, capacityWaitMs: Number.POSITIVE_INFINITY, ...signals };
}

test('a task whose time was over before anybody looked gets no VM, not even a warm one', async () => {
  const context = makeContext();
  const warm = await leaveWarm(context.hypervisor);
  expect(await obtainVm(context, allocationOf(-1))).toEqual({ kind: 'too-late' });
  expect(context.hypervisor.made).toEqual([warm]);
  expect(await context.hypervisor.find(warm)).toMatchObject({ phase: 'ready' });
});

test('a task whose time is over while it waits for capacity gets no VM', async () => {
  const context = makeContext();
  const first = await obtainVm(context, allocationOf(3_600_000));
  expect(first.kind).toBe('claimed');
  expect(await obtainVm(context, allocationOf(100))).toEqual({ kind: 'too-late' });
  expect(context.hypervisor.made).toHaveLength(1);
});
