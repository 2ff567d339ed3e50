import * as sample from '@vm-task/testing/sample-events';
import { describe, expect, test } from 'vitest';
import { decideRetry, type EndedAttempt, retryDelayMs } from './decide-retry.ts';
import type { EventData, Outcome, Stored } from './events.ts';
import type { RetryPolicy } from './retry-policy.ts';

const task = sample.sampleTask();
const vm = sample.sampleVm();
const nowMs = Date.UTC(2026, 0, 1, 12);
const lost = { code: 'vm-lost', message: 'its process has ended' } as const;
const nothing: Partial<EventData<'task.completed'>> = { outcome: 'failed', exitCode: null, result: null, output: null };

interface Given extends Partial<Pick<EndedAttempt, 'phase' | 'cancelling'>> {
  readonly ending?: Partial<EventData<'task.completed'>>;
  readonly policy?: Partial<RetryPolicy>;
  readonly ageMs?: number;
}

function decide({ ending = {}, policy = {}, phase = 'vm', cancelling = false, ageMs = 0 }: Given = {}) {
  const retry: RetryPolicy = { maxAttempts: 3, backoffMs: 10_000, on: ['vm'], ...policy };
  const created = sample.created(task, { spec: { ...sample.sampleSpec, retry } });
  return decideRetry({
    ending: sample.completed(task, { ...nothing, vm, error: lost, ...ending }),
    phase,
    created: { ...created, time: new Date(nowMs - ageMs) } as Stored<'task.created'>,
    cancelling,
    nowMs,
  });
}

test('an attempt that failed in a phase of the policy is followed by another one, which names what is released', () => {
  const notBefore = new Date(nowMs + retryDelayMs({ maxAttempts: 3, backoffMs: 10_000, on: [] }, task, 1));
  expect(decide()).toEqual({
    type: 'task.retrying',
    host: 'host-1',
    data: {
      v: 1,
      task,
      pool: 'default',
      attempt: 1,
      next: 2,
      vm,
      phase: 'vm',
      exitCode: null,
      error: lost,
      notBefore: notBefore.toISOString(),
    },
  });
});

test('what the failed attempt has left is said, for it is kept; where that is nothing, nothing is', () => {
  const output = { stdout: { seenBytes: 9, storedBytes: 5 }, stderr: { seenBytes: 1, storedBytes: 1 } };
  const artifacts = [1, 2].map((bytes) => ({ path: 'a', bytes, sha256: 'ab', object: 'o' }));
  expect(decide({ ending: { output, artifacts } }).data).toMatchObject({ left: { outputBytes: 6, artifactBytes: 3 } });
  expect(decide({ ending: { output: null, artifacts: [] } }).data).not.toHaveProperty('left');
});

describe('nothing but the end follows', () => {
  test.each<[string, Given]>([
    ['a failure in another phase', { phase: 'setup' }],
    ['a failure where no phase is tried again', { policy: { on: [] } }],
    ['the last attempt', { ending: { attempt: 3 } }],
    ['the only attempt', { policy: { maxAttempts: 1 } }],
    ['an error that stays', { ending: { error: { code: 'image-not-found', message: 'there is none' } } }],
    ['a program that cannot be executed', { ending: { error: { code: 'process-not-started', message: 'no' } } }],
    ['a cancelling', { cancelling: true }],
    ['a failure so late that the wait would outlast the task', { ageMs: 3_600_000 - 5_000 }],
    ...(['succeeded', 'cancelled', 'timed_out'] satisfies Outcome[]).map((outcome): [string, Given] => [
      `an attempt that ${outcome}`,
      { ending: { outcome } },
    ]),
  ])('%s', (_what, given) => {
    expect(decide(given).type).toBe('task.completed');
  });
});

test("a process's own failure is one of its run, and says how it ended", () => {
  const policy = { on: ['run' as const] };
  const failed = (ending: Partial<EventData<'task.completed'>>) =>
    decide({ phase: 'run', policy, ending: { error: null, ...ending } }).data;
  const code = 'process-failed';
  expect(failed({ exitCode: 3 })).toMatchObject({
    exitCode: 3,
    error: { code, message: 'the process exited with 3' },
  });
  expect(failed({ signal: 'SIGKILL' })).toMatchObject({
    error: { code, message: 'the process was ended by SIGKILL' },
  });
  expect(decide({ phase: 'run', ending: { error: null, exitCode: 3 } })).toMatchObject({
    type: 'task.completed',
    data: { error: null, exitCode: 3 },
  });
});

describe('the wait', () => {
  const policy = { maxAttempts: 100, backoffMs: 10_000, on: [] };

  test('doubles with each attempt up to an hour, a quarter more or less', () => {
    for (const attempt of [1, 2, 3, 9, 10, 50, 99]) {
      const base = Math.min(10_000 * 2 ** (attempt - 1), 3_600_000);
      const delay = retryDelayMs(policy, task, attempt);
      expect(delay).toBeGreaterThanOrEqual(0.75 * base);
      expect(delay).toBeLessThanOrEqual(1.25 * base);
    }
    expect(retryDelayMs({ ...policy, backoffMs: 7_200_000 }, task, 5)).toBeGreaterThanOrEqual(5_400_000);
  });

  test('is the same for whoever decides, and another one for each task and attempt', () => {
    expect(retryDelayMs(policy, task, 1)).toBe(retryDelayMs(policy, task, 1));
    const waits = Array.from({ length: 100 }, () => retryDelayMs(policy, sample.sampleTask(), 1));
    expect(new Set(waits).size).toBeGreaterThan(90);
    expect(retryDelayMs(policy, task, 12)).not.toBe(retryDelayMs(policy, task, 13));
  });
});
