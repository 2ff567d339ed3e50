import { deadlineFrom, type HostClock } from '@vm-task/hypervisor/ledger/deadline';
import { deadlineOf } from '@vm-task/hypervisor/release-vm';
import { claimedVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { overdueFirst, untilNext } from './ledger-deadlines.ts';

const clock: HostClock = { bootId: 'boot-1', uptimeMs: 1_000_000 };
const inMs = (ms: number) => deadlineFrom(ms, 0, clock);

test('a claim replaces the deadline of the warm VM, also while it is going', () => {
  const claimed = claimedVm({ deadline: inMs(5_000) }, { deadline: inMs(60_000) });
  expect(deadlineOf(claimed)).toEqual(inMs(5_000));
  expect(deadlineOf(endingVm(claimed.claim, 0, { deadline: inMs(60_000) }))).toEqual(inMs(5_000));
  expect(deadlineOf(warmVm({ deadline: inMs(60_000) }))).toEqual(inMs(60_000));
});

test('what has been overdue for longest ends first, and what outlived its boot before all', () => {
  const [late, later, coming] = [-1_000, -3_600_000, 1_000].map((ms) => warmVm({ deadline: inMs(ms) }));
  const rebooted = warmVm({ deadline: { ...inMs(9_000), bootId: 'boot-0' } });
  const order = overdueFirst(
    [late, coming, rebooted, later].filter((state) => state !== undefined),
    clock,
  );
  expect(order).toEqual([rebooted, later, late]);
});

test('the next look is at the first deadline that is to come, or at the sweep', () => {
  const states = [
    warmVm({ deadline: inMs(-1_000) }),
    warmVm({ deadline: inMs(1_200) }),
    warmVm({ deadline: inMs(9_000) }),
  ];
  expect(untilNext(states, clock, 5_000)).toBe(1_200);
  expect(untilNext(states.slice(2), clock, 5_000)).toBe(5_000);
  expect(untilNext([], clock, 5_000)).toBe(5_000);
});
