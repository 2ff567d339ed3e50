/** Durations as people write them (`10m`, `1h30m`, `250ms`), in milliseconds everywhere else. */
import parse from 'parse-duration';
import { z } from 'zod';

/** A year: whatever is longer is a slip, and far below what a timer or a date can hold. */
const longestMs = 365 * 24 * 60 * 60_000;

const howToWrite = 'write it as 250ms, 30s, 10m or 1h30m';

/** Takes `10m`, `1h30m`, `250ms`; a bare number is refused because its unit would be a guess. */
export const durationSchema = z
  .string({ error: ({ input }) => `${JSON.stringify(input)} is not a duration; ${howToWrite}` })
  .transform((text, context): number => {
    const ms = /^(\d+(\.\d+)?\s*[a-zµ]+\s*)+$/.test(text) ? parse(text) : null;
    if (ms === null || !Number.isFinite(ms) || ms < 1 || ms > longestMs) {
      const message = `${JSON.stringify(text.slice(0, 40))} is not a duration from 1ms to 365d; ${howToWrite}`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return Math.round(ms);
  });

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** As people write it and `durationSchema` reads it: `10m`, `1h30m`, `250ms`. */
export function formatDuration(ms: number): string {
  let left = Math.max(0, Math.round(ms));
  let text = '';
  for (const [unit, size] of units) {
    const whole = Math.floor(left / size);
    if (whole > 0) text += `${whole}${unit}`;
    left -= whole * size;
  }
  return text === '' ? '0ms' : text;
}
