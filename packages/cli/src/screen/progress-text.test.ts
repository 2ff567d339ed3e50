import { expect, test } from 'vitest';
import { progressText } from './progress-text.ts';

const at = '2026-01-01T00:00:00.000Z';

test.each([
  [{ percent: 39.6, text: null }, '40 %'],
  [{ percent: null, text: 'comparing' }, 'comparing'],
  [{ percent: 40, text: '比较' }, '40 %: 比较'],
])('%o is told as "%s"', (progress, text) => {
  expect(progressText({ ...progress, at })).toBe(text);
});
