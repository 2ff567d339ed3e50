import { expect, test } from 'vitest';
import { deadlineFrom, hostClock, isOverdue, remainingMs } from './deadline.ts';

const clock = { bootId: 'this-boot', uptimeMs: 1_000_000 };

test('a deadline is kept as the uptime that it means', () => {
  const brokerNow = Date.UTC(2030, 0, 1);
  const deadline = deadlineFrom(brokerNow + 5_000, brokerNow, clock);
  expect(deadline).toEqual({ at: '2030-01-01T00:00:05.000Z', bootId: 'this-boot', uptimeMs: 1_005_000 });
});

test('it is overdue by uptime, whatever the clocks of host and broker say', () => {
  const deadline = deadlineFrom(5_000, 0, clock);
  expect(isOverdue(deadline, { ...clock, uptimeMs: 1_004_999 })).toBe(false);
  expect(isOverdue(deadline, { ...clock, uptimeMs: 1_005_000 })).toBe(true);
  expect(remainingMs(deadline, { ...clock, uptimeMs: 1_001_000 })).toBe(4_000);
});

test('after a reboot it is overdue at once', () => {
  const deadline = deadlineFrom(3_600_000, 0, clock);
  expect(isOverdue(deadline, { bootId: 'the-next-boot', uptimeMs: 1 })).toBe(true);
});

test('uptime goes on and the boot stays', () => {
  const first = hostClock();
  const second = hostClock();
  expect(second.bootId).toBe(first.bootId);
  expect(second.uptimeMs).toBeGreaterThanOrEqual(first.uptimeMs);
});
