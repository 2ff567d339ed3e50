import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import { expect, test } from 'vitest';
import { boundedLog } from './guest-log.ts';

function lendLog() {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const keep = (fields: Record<string, unknown>, message: string) => void lines.push({ fields, message });
  const log = Object.assign(Object.create(silentLogger), { info: keep, warn: keep, error: keep });
  let nowMs = 0;
  const bounded = boundedLog(log, () => nowMs);
  return {
    lines,
    bounded,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a flood becomes a few lines, and the next one says how many there were', () => {
  const { lines, bounded, pass } = lendLog();
  for (let i = 0; i < 10_000; i++) bounded.warn({ i }, 'again');
  expect(lines.length).toBeLessThanOrEqual(10);
  const shown = lines.length;
  pass(60_000);
  bounded.warn({}, 'later');
  expect(lines.at(-1)).toMatchObject({ message: 'later', fields: { leftOut: 10_000 - shown } });
});

test('in a minute a guest causes less than 64 KiB, however long its words are', () => {
  const { lines, bounded, pass } = lendLog();
  const cause = new Error('y'.repeat(500_000));
  for (let second = 0; second < 60; second++) {
    pass(1_000);
    for (let i = 0; i < 100; i++) {
      bounded.error(
        { err: new VmTaskError('guest-failed', 'x'.repeat(500_000), { cause }), url: 'z'.repeat(100_000) },
        'no',
      );
    }
  }
  expect(JSON.stringify(lines).length).toBeLessThan(64 * 1024);
  expect(lines[0]?.fields).toMatchObject({
    err: { code: 'guest-failed', message: expect.stringMatching(/^x{300}…$/) },
  });
});

test('what is said seldom is said in full', () => {
  const { lines, bounded } = lendLog();
  bounded.info({ patterns: ['a', 'b'] }, 'no file matches');
  expect(lines).toEqual([{ fields: { patterns: ['a', 'b'] }, message: 'no file matches' }]);
});
