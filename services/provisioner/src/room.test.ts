import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { freeTickets, Room } from './room.ts';

const limits = { poolMax: 2, hostMax: 3 };

test('room is what is neither claimed nor going nor in flight, of the pool and of the host', () => {
  const free = (states: readonly VmState[], inFlight = 0) => freeTickets(states, 'default', inFlight, limits);
  expect(free([])).toBe(2);
  expect(free([warmVm(), warmVm(), creatingVm()])).toBe(2);
  expect(free([claimedVm(), warmVm()])).toBe(1);
  expect(free([endingVm(null, 0)], 1)).toBe(0);
  expect(free([claimedVm({}, { pool: 'other' }), claimedVm({}, { pool: 'other' })])).toBe(1);
});

test('nobody is admitted beyond the limit, and a release lets the next one in, in order', async () => {
  const stop = new AbortController();
  const room = new Room(
    async () => [],
    () => limits,
  );
  const order: number[] = [];
  const enter = async (guest: number) => {
    const ticket = await room.admit('default', stop.signal);
    order.push(guest);
    return ticket;
  };
  const [first] = await Promise.all([enter(1), enter(2)]);
  const third = enter(3);
  const fourth = enter(4);
  expect(order).toEqual([1, 2]);
  first.release();
  const ticket = await third;
  expect(order).toEqual([1, 2, 3]);
  ticket.release();
  await fourth;
  expect(order).toEqual([1, 2, 3, 4]);
});

test('whoever waits for room is sent away when the service ends', async () => {
  const stop = new AbortController();
  const room = new Room(
    async () => [claimedVm(), claimedVm()],
    () => limits,
  );
  const waiting = [room.admit('default', stop.signal), room.admit('default', stop.signal)];
  stop.abort(new Error('draining'));
  for (const one of waiting) await expect(one).rejects.toThrow('draining');
});

test('a change before the waiting began is not missed', async () => {
  const room = new Room(
    async () => [],
    () => limits,
  );
  const seen = room.changes;
  room.changed();
  await room.nextChange(seen, new AbortController().signal, 3_600_000);
});

test('a task counts as waiting until it has its VM', () => {
  const room = new Room(
    async () => [],
    () => limits,
  );
  {
    using _one = room.waitFor('default');
    using _other = room.waitFor('other');
    expect([room.waitingIn('default'), room.waitingIn('any')]).toEqual([1, 2]);
  }
  expect(room.waitingIn('any')).toBe(0);
});
