import { expect, test } from 'vitest';
import { type Additions, absentAfterMs, asWritten, versionToWrite } from './features.ts';

const known: Additions = {
  'task.completed@2': {
    since: '0.3.0',
    before: ({ cost: _, ...data }) => ({ ...data, v: 1 }),
  },
  'task.completed@3': {
    since: '0.4.0',
    before: ({ costs, ...data }) => ({ ...data, v: 2, cost: (costs as number[])[0] }),
  },
  'task.paused@1': { since: '0.4.0' },
};

const newest = { v: 3, costs: [5, 6], task: 't' };

test('an event is written in the newest version that everybody can read', () => {
  const written = (version: string | null) => asWritten('task.completed', newest, version, known);
  expect(written(null)).toEqual({ v: 1, task: 't' });
  expect(written('0.3.0-rc.1')).toEqual({ v: 1, task: 't' });
  expect(written('0.3.0')).toEqual({ v: 2, task: 't', cost: 5 });
  expect(written('0.4.0')).toEqual(newest);
});

test('what was never added to is written as it is, and a type that is not on is not written at all', () => {
  expect(asWritten('task.created', { v: 1 }, null, known)).toEqual({ v: 1 });
  expect(() => asWritten('task.paused', { v: 1 }, '0.3.0', known)).toThrow('task.paused is not switched on');
  expect(asWritten('task.paused', { v: 1 }, '0.4.0', known)).toEqual({ v: 1 });
});

test('the record says the oldest version of all who are there', () => {
  const now = Date.parse('2026-07-01T12:00:00Z');
  const heard = (version: string | null, ageMs = 1_000) => ({
    renewedAt: new Date(now - ageMs),
    lease: version === null ? null : { version },
  });
  expect(versionToWrite('0.3.0', [], now)).toBe('0.3.0');
  expect(versionToWrite('0.3.0', [heard('0.3.0'), heard('0.2.9')], now)).toBe('0.2.9');
  expect(versionToWrite('0.3.0', [heard('0.4.0')], now)).toBe('0.3.0');
  expect(versionToWrite('0.3.0', [heard('0.2.9', absentAfterMs)], now)).toBe('0.3.0');
  expect(versionToWrite('0.3.0', [heard('0.4.0'), heard(null)], now)).toBeNull();
  expect(versionToWrite('0.3.0', [heard('0.4.0'), heard(null, absentAfterMs)], now)).toBe('0.3.0');
});
