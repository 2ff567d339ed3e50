import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { Capacity, freePermits } from './capacity.ts';

const limits = { poolMax: 2, hostMax: 3 };

test('capacity is what is neither claimed nor going nor in flight, of the pool and of the host', () => {
  const free = (states: readonly VmState[], inFlight = 0) => freePermits(states, 'default', inFlight, limits);
  expect(free([])).toBe(2);
  expect(free([warmVm(), warmVm(), creatingVm()])).toBe(2);
  expect(free([claimedVm(), warmVm()])).toBe(1);
  expect(free([endingVm(null, 0)], 1)).toBe(0);
  expect(free([claimedVm({}, { pool: 'other' }), claimedVm({}, { pool: 'other' })])).toBe(1);
});

test('nobody is admitted beyond the limit, and a release lets the next one in, in order', async () => {
  const stop = new AbortController();
  const capacity = new Capacity(
    async () => [],
    () => limits,
  );
  const order: number[] = [];
  const enter = async (guest: number) => {
    const permit = await capacity.admit('default', stop.signal);
    order.push(guest);
    return permit;
  };
  const [first] = await Promise.all([enter(1), enter(2)]);
  const third = enter(3);
  const fourth = enter(4);
  expect(order).toEqual([1, 2]);
  first.release();
  const permit = await third;
  expect(order).toEqual([1, 2, 3]);
  permit.release();
  await fourth;
  expect(order).toEqual([1, 2, 3, 4]);
});

test('whoever waits for capacity is sent away when the service ends', async () => {
  const stop = new AbortController();
  const capacity = new Capacity(
    async () => [claimedVm(), claimedVm()],
    () => limits,
  );
  const waiting = [capacity.admit('default', stop.signal), capacity.admit('default', stop.signal)];
  stop.abort(new Error('draining'));
  for (const one of waiting) await expect(one).rejects.toThrow('draining');
});

test('a change before the waiting began is not missed', async () => {
  const capacity = new Capacity(
    async () => [],
    () => limits,
  );
  const seen = capacity.changes;
  capacity.changed();
  await capacity.nextChange(seen, new AbortController().signal, 3_600_000);
});

test('a task counts as waiting until it has its VM', () => {
  const capacity = new Capacity(
    async () => [],
    () => limits,
  );
  {
    using _one = capacity.waitFor('default');
    using _other = capacity.waitFor('other');
    expect([capacity.waitingIn('default'), capacity.waitingIn('any')]).toEqual([1, 2]);
  }
  expect(capacity.waitingIn('any')).toBe(0);
});
