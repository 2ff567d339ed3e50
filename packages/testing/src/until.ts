/** Waiting for a condition, never for a time. */
import { setTimeout as delay } from 'node:timers/promises';

/** The first result of `check` that is not false, null or undefined. Thrown after `limitMs`, naming `what`. */
export async function until<T>(
  check: () => T | Promise<T>,
  what: string,
  limitMs = 30_000,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + limitMs;
  while (true) {
    const result = await check();
    if (result !== false && result !== null && result !== undefined) {
      return result as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await delay(10);
  }
}
