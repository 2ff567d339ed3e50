import { expect, test } from 'vitest';
import { durationSchema, formatDuration } from './durations.ts';

test.each(['10m', '1h30m', '250ms', '3s', '1d1ms'])('%s is written as it was read', (text) => {
  expect(formatDuration(durationSchema.parse(text))).toBe(text);
});

test.each(['10', '-1s', '0s', '400d', 'soon', ''])('%j is refused as a duration', (text) => {
  expect(durationSchema.safeParse(text).success).toBe(false);
});
