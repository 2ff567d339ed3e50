/**
 * Absolute deadlines that hold without the broker (I7). `at` is the broker's time; the host keeps beside it the
 * uptime that this meant when it was set, and decides by uptime alone: a clock that is set forward or back ends
 * no VM early and keeps none alive. After a reboot nothing of a VM is left, so another boot id is overdue.
 */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { z } from 'zod';

export const deadlineSchema = z.strictObject({
  at: z.iso.datetime(),
  bootId: z.string(),
  uptimeMs: z.number(),
});

export type Deadline = z.infer<typeof deadlineSchema>;

/** This boot of the host, and how long it has lasted (suspended time included). */
export interface HostClock {
  readonly bootId: string;
  readonly uptimeMs: number;
}

/** No process outlives its boot. */
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

export function hostClock(): HostClock {
  return { bootId, uptimeMs: Math.round(uptime() * 1000) };
}

/** The deadline `at`, in terms of this host; `brokerNowMs` is the broker's time at this moment. */
export function deadlineFrom(atMs: number, brokerNowMs: number, clock: HostClock = hostClock()): Deadline {
  return {
    at: new Date(atMs).toISOString(),
    bootId: clock.bootId,
    uptimeMs: clock.uptimeMs + Math.round(atMs - brokerNowMs),
  };
}

/** Now, to be compared with later by uptime. */
export function thisMoment(): Deadline {
  const nowMs = Date.now();
  return deadlineFrom(nowMs, nowMs);
}

/** How long until the deadline, in milliseconds of uptime; zero or less once it is over, `-Infinity` after a reboot. */
export function remainingMs(deadline: Deadline, clock: HostClock = hostClock()): number {
  return deadline.bootId === clock.bootId ? deadline.uptimeMs - clock.uptimeMs : Number.NEGATIVE_INFINITY;
}

export function isOverdue(deadline: Deadline, clock: HostClock = hostClock()): boolean {
  return remainingMs(deadline, clock) <= 0;
}
