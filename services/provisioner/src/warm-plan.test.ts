import { deadlineFrom, hostClock } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { sampleSpec } from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { planWarm, type WarmFacts } from './warm-plan.ts';

const vmClass = {
  driver: 'qemu',
  pool: 'default',
  image: { name: 'python', version: '3.2.0' },
  size: sampleSpec.size,
  egress: 'none',
} as const;
const outdated = { image: { name: 'python', version: '3.1.0' } };
const clock = hostClock();
const minuteAgo = { since: { at: new Date().toISOString(), ...clock, uptimeMs: clock.uptimeMs - 60_000 } };

function plan(states: readonly VmState[], more: Partial<WarmFacts> & { warm?: number; hostMax?: number } = {}) {
  const { warm = 1, hostMax = 16, ...facts } = more;
  return planWarm(
    { pool: 'default', vmClass: warm === 0 ? null : vmClass, warm, limits: { poolMax: 4, hostMax } },
    {
      states,
      isAlive: () => true,
      waiting: { pool: 0, host: 0 },
      clock: hostClock(),
      ...facts,
    },
  );
}

test('a missing warm VM is made, one that is there or coming is not', () => {
  const [nothing, one] = [
    { replace: [], create: false },
    { replace: [], create: true },
  ];
  expect(plan([])).toEqual(one);
  expect(plan([warmVm()])).toEqual(nothing);
  expect(plan([creatingVm()])).toEqual(nothing);
  expect(plan([warmVm()], { warm: 2 })).toEqual(one);
  expect(plan([warmVm({ pool: 'other' })])).toEqual(one);
});

test('warm VMs count in max, of the pool and of the host', () => {
  const busy = [claimedVm(), claimedVm(), claimedVm()];
  expect(plan(busy).create).toBe(true);
  expect(plan([...busy, claimedVm()]).create).toBe(false);
  expect(plan(busy, { hostMax: 3 }).create).toBe(false);
});

test('tasks that wait come before a warm VM', () => {
  const busy = [claimedVm(), claimedVm(), claimedVm()];
  expect(plan(busy, { waiting: { pool: 1, host: 1 } }).create).toBe(false);
  expect(plan(busy, { hostMax: 4, waiting: { pool: 0, host: 1 } }).create).toBe(false);
});

test('dead, outworn and outdated warm VMs are replaced', () => {
  const old = warmVm({ deadline: deadlineFrom(60_000, 0) });
  expect(plan([old])).toMatchObject({ replace: [{ vm: old.record.vm }], create: true });
  const dead = warmVm();
  expect(plan([dead], { isAlive: () => false })).toMatchObject({ replace: [{ vm: dead.record.vm }], create: true });
  const past = warmVm(outdated, minuteAgo);
  expect(plan([past])).toMatchObject({ replace: [{ vm: past.record.vm }], create: true });
});

test('a pool that keeps none warm makes none, and removes what was forgotten', () => {
  const forgotten = warmVm({}, minuteAgo);
  expect(plan([forgotten, warmVm()], { warm: 0 })).toMatchObject({
    replace: [{ vm: forgotten.record.vm }],
    create: false,
  });
});

test('a VM of another class that was just made is left to the task that it is for', () => {
  expect(plan([warmVm(outdated)]).replace).toEqual([]);
});

test('of more than are wanted the last one goes, once it cannot be for a task any more', () => {
  const [first, second, young] = [warmVm({}, minuteAgo), warmVm({}, minuteAgo), warmVm()];
  expect(plan([first, second])).toMatchObject({ replace: [{ vm: second.record.vm }], create: false });
  expect(plan([first, young]).replace).toEqual([]);
  expect(plan([first, second], { warm: 2 }).replace).toEqual([]);
});

test('a wall clock that was ahead when a VM became ready keeps it no longer', () => {
  const ahead = warmVm({}, { since: { ...minuteAgo.since, at: new Date(Date.now() + 3_600_000).toISOString() } });
  expect(plan([ahead], { warm: 0 })).toMatchObject({ replace: [{ vm: ahead.record.vm }] });
});
