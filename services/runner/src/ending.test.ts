import type { JobEnd, JobOutcome } from '@vm-task/guest/job';
import { VmTaskError } from '@vm-task/shared/errors';
import { expect, test } from 'vitest';
import { attemptOutcomeOf, endsTheAttempt, type Stop } from './ending.ts';

const nothing = { seenBytes: 0, storedBytes: 0, droppedBytes: 0, tail: Buffer.alloc(0) };
const limits = { memoryBytes: 384 * 1024 * 1024 };

function attemptOutcome(outcome: JobOutcome, more: Partial<JobEnd> = {}, stop: Stop | null = null) {
  const end = { outcome, outOfMemory: false, stopped: false, ranMs: 1, stdout: nothing, stderr: nothing, result: null };
  return attemptOutcomeOf({ ...end, ...more }, limits, stop);
}

test('exit code 0 alone is success', () => {
  expect(attemptOutcome({ kind: 'exited', code: 0 })).toEqual({
    outcome: 'succeeded',
    exitCode: 0,
    signal: null,
    error: null,
  });
  expect(attemptOutcome({ kind: 'exited', code: 7 })).toEqual({
    outcome: 'failed',
    exitCode: 7,
    signal: null,
    error: null,
  });
});

test('a signal has its name and no exit code', () => {
  expect(attemptOutcome({ kind: 'signalled', signal: 9 })).toMatchObject({
    outcome: 'failed',
    exitCode: null,
    signal: 'SIGKILL',
  });
  expect(attemptOutcome({ kind: 'signalled', signal: 40 })).toMatchObject({ signal: 'SIG40' });
});

test('running out of memory is said with the limit, unless the process succeeded all the same', () => {
  const { error } = attemptOutcome({ kind: 'signalled', signal: 9 }, { outOfMemory: true });
  expect(error).toMatchObject({ code: 'out-of-memory' });
  expect(error?.message).toContain('384 MiB');
  expect(attemptOutcome({ kind: 'exited', code: 0 }, { outOfMemory: true }).error).toBeNull();
});

test('a process that was stopped was cancelled, or has timed out, however it took it', () => {
  const error = { code: 'timed-out-run', message: 'too long' } as const;
  const stops = [{ outcome: 'cancelled', error: null } as const, { outcome: 'timed_out', error } as const];
  for (const stop of stops) {
    expect(attemptOutcome({ kind: 'exited', code: 0 }, {}, stop)).toEqual({ ...stop, exitCode: 0, signal: null });
    expect(attemptOutcome({ kind: 'signalled', signal: 15 }, {}, stop)).toMatchObject({ ...stop, signal: 'SIGTERM' });
  }
});

test('what nobody knows is never success', () => {
  expect(attemptOutcome({ kind: 'lost', reason: 'why' })).toMatchObject({
    outcome: 'failed',
    exitCode: null,
    error: { code: 'process-lost' },
  });
  expect(attemptOutcome({ kind: 'not-started', reason: 'x: none' })).toMatchObject({
    outcome: 'failed',
    error: { code: 'process-not-started' },
  });
});

test('the broker’s troubles are not the end of an attempt', () => {
  expect(endsTheAttempt(new VmTaskError('vm-lost', ''))).toBe(true);
  for (const code of ['log-overtaken', 'stream-full', 'internal', 'ssh-lost'] as const) {
    expect(endsTheAttempt(new VmTaskError(code, ''))).toBe(false);
  }
  expect(endsTheAttempt(new Error('any'))).toBe(false);
});
