/**
 * The broker's time without asking for it each time. It runs on this host's monotonic clock, so a wall clock that is
 * set forward or back changes nothing, and it is measured again all the while, because a suspended host stands still.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface BrokerClock {
  /** The broker's time, in milliseconds since 1970. */
  nowMs(): number;
}

/** Two clocks of one day drift apart by milliseconds in that time, and a host that slept is right again soon. */
const measureEveryMs = 30_000;

/** A clock that is right from the start, and measured again until `signal`; while the broker is away it runs on. */
export async function openBrokerClock(now: () => Promise<Date>, signal: AbortSignal): Promise<BrokerClock> {
  let offsetMs = await measure(now);
  const keepRight = async () => {
    while (!signal.aborted) {
      await delay(measureEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) offsetMs = await measure(now).catch(() => offsetMs);
    }
  };
  void keepRight();
  return { nowMs: () => performance.now() + offsetMs };
}

/** What to add to the monotonic clock: the broker looked at its clock half-way between question and answer. */
async function measure(now: () => Promise<Date>): Promise<number> {
  const asked = performance.now();
  const time = (await now()).getTime();
  return time - (asked + performance.now()) / 2;
}
