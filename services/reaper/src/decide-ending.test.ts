import type { Draft, Stored } from '@vm-task/shared/events';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import type { DueKind } from './deadlines.ts';
import { decideEnding } from './decide-ending.ts';
import type { LiveTask, Phase } from './task-view.ts';

const task = sample.sampleTask();
const id = sample.sampleVm();
const vm = { id, host: 'host-1' };
const use = { isNamed: false, vms: 1, max: 4 };
const stored = (draft: Draft, seq: number): Stored => ({ ...draft, seq }) as Stored;

function decide(kind: DueKind, phase: Phase, head: Stored | null, poolUse = use, nowMs = 0) {
  const view: LiveTask = {
    pool: 'default',
    task,
    attempt: 1,
    headSeq: 2,
    course: { phase: 'working', vmHost: 'host-1', boundTo: 'any' },
    createdMs: 0,
    timeouts: sample.sampleSpec.timeouts,
    phase,
    hasUnknown: false,
  };
  return decideEnding({ task: view, due: { kind, atMs: 0 } }, head, poolUse, nowMs);
}

test('a task that is where it was is out of time, and its VM is named', () => {
  const run = { name: 'run', sinceMs: 0, vm } as const;
  expect(decide('run', run, stored(sample.resumed(task, id), 2))).toMatchObject({
    outcome: 'timed_out',
    vm: id,
    error: { code: 'timed-out-run', message: expect.stringContaining('30m: raise timeouts.run') },
  });
});

test('a task that has moved on is left alone: its runner stops it, or what is known of it then has a deadline', () => {
  const queue = { name: 'queue', sinceMs: 0 } as const;
  const moved = stored(sample.vmReady(task, { vm: id }), 3);
  expect(decide('queue', queue, moved)).toBe(null);
  const { totalMs } = sample.sampleSpec.timeouts;
  expect(decide('queue', queue, moved, use, totalMs)).toBe(null);
  expect(decide('total', queue, stored(sample.cancelling(task), 3), use, totalMs)).toBe(null);
});

test('an attempt that waits for its VM ends when the total is over, however little is known of it', () => {
  const run = { name: 'run', sinceMs: 0, vm } as const;
  const { totalMs } = sample.sampleSpec.timeouts;
  const error = { code: 'timed-out-total' };
  const waiting = stored(sample.retrying(task), 3);
  expect(decide('run', run, waiting, use, totalMs)).toMatchObject({ attempt: 2, vm: null, error });
});

test('a task that is over, or that nobody knows, is left alone', () => {
  const queue = { name: 'queue', sinceMs: 0 } as const;
  expect(decide('total', queue, stored(sample.completed(task), 2))).toBe(null);
  expect(decide('total', queue, null)).toBe(null);
});

test('a task that waited too long is told whether its pool was full', () => {
  const head = stored(sample.created(task), 2);
  const why = (vms: number, isNamed = false) =>
    decide('queue', { name: 'queue', sinceMs: 0 }, head, { ...use, isNamed, vms })?.error?.message;
  expect(why(4)).toContain('waited 10m for a free VM of pool "default" (max 4): raise pools.default.max');
  expect(why(3)).toContain('although the pool is not full');
  expect(why(0, true)).toContain('./vm-task pool list says whether it is away');
  expect(why(4, true)).toContain('another task had it');
});

test('a cancelling that nobody answered ends as cancelled', () => {
  const phase = { name: 'cancelling', sinceMs: 0, vm } as const;
  expect(decide('cancel', phase, stored(sample.cancelling(task), 2))).toMatchObject({
    outcome: 'cancelled',
    vm: id,
    error: { code: 'cancel-forced' },
  });
});
