import type { ExactCloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import { deadlineFrom, hostClock } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { sampleSpec, sampleTask } from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { chooseVm, spareVm, unlessDead, type Wanted } from './choose-vm.ts';

const vmClass: ExactCloneClass = {
  driver: 'qemu',
  pool: 'default',
  image: { name: 'python', version: '3.2.0' },
  size: sampleSpec.size,
  egress: 'none',
  allow: [],
};
const wanted: Wanted = { task: sampleTask(), attempt: 1, vmClass, warm: true };
const choose = (states: readonly VmState[]) => chooseVm(states, wanted, hostClock());

test('the oldest warm VM of the class is taken', () => {
  const [first, second] = [warmVm(), warmVm()];
  expect(choose([first, second])).toEqual({ kind: 'claim', vm: first });
});

test.each([
  ['another pool', warmVm({ pool: 'other' })],
  ['another version of the image', warmVm({ image: { name: 'python', version: '3.1.0' } })],
  ['another size', warmVm({ size: { ...sampleSpec.size, cpus: 2 } })],
  ['another egress', warmVm({ egress: 'internet' })],
  ['its last minutes', warmVm({ deadline: deadlineFrom(60_000, 0) })],
  ['the making', creatingVm()],
  ['the going', endingVm(null, 0)],
  ['the hands of another task', claimedVm()],
])('a VM in %s is not taken', (_, state) => {
  expect(choose([state])).toEqual({ kind: 'create' });
});

test('where no VM may wait for a task, one that is ready is some other task’s', () => {
  expect(chooseVm([warmVm()], { ...wanted, warm: false }, hostClock())).toEqual({ kind: 'create' });
});

test('a VM that is claimed for this attempt is used again, before any warm one', () => {
  const own = claimedVm({ task: wanted.task });
  expect(choose([warmVm(), own])).toEqual({ kind: 'reuse', vm: own });
});

test('a VM of another attempt is not used again', () => {
  const other = claimedVm({ task: wanted.task, attempt: 2 });
  expect(choose([other])).toEqual({ kind: 'create' });
});

test('a dead VM that would be the one is discarded, the own one too', async () => {
  for (const state of [warmVm(), claimedVm({ task: wanted.task })]) {
    const choice = choose([state]);
    expect(await unlessDead(choice, async () => true)).toBe(choice);
    expect(await unlessDead(choice, async () => false)).toMatchObject({ kind: 'discard', vm: state });
  }
});

test('the own VM is discarded when the task gets another class now', () => {
  const own = claimedVm({ task: wanted.task }, { image: { name: 'python', version: '3.1.0' } });
  expect(choose([own])).toMatchObject({ kind: 'discard', vm: own });
});

test('a full pool gives up its oldest warm VM, a full host one of any pool', () => {
  const other = warmVm({ pool: 'other' });
  const own = warmVm();
  expect(spareVm([other, claimedVm(), own], 'default', 'pool')).toBe(own);
  expect(spareVm([other, claimedVm()], 'default', 'pool')).toBe(null);
  expect(spareVm([other, own], 'default', 'host')).toBe(own);
  expect(spareVm([claimedVm(), other], 'default', 'host')).toBe(other);
  expect(spareVm([claimedVm()], 'default', 'host')).toBe(null);
});
