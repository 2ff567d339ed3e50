import { type Draft, type Head, type Stored, typeOf } from '@vm-task/shared/events';
import { eventSubject } from '@vm-task/shared/subjects';
import { asNewer } from '@vm-task/testing/newer-events';
import { hasEnded, randomHistory } from '@vm-task/testing/random-history';
import * as sample from '@vm-task/testing/sample-events';
import { describe, expect, it, test } from 'vitest';
import { foldTask, type LiveTask, vmOf } from './task-view.ts';

const task = sample.sampleTask();
const vm = sample.sampleVm();

/** Stored one second apart, with sequences from 1 on. */
function fold(...drafts: Draft[]): LiveTask | null {
  return foldAll(drafts.map(storedAt));
}

function storedAt(draft: Draft, index: number): Stored {
  return { ...draft, seq: index + 1, time: new Date(index * 1_000), subject: eventSubject(draft) } as Stored;
}

function foldAll(events: readonly Head[]): LiveTask | null {
  return events.reduce<LiveTask | null>(foldTask, null);
}

describe('of whatever there is on the subjects of a task', () => {
  it.each(Array.from({ length: 200 }, (_, seed) => seed))(
    'exactly what counts by the rule that all share has an effect: seed %i',
    (seed) => {
      const history = randomHistory(seed);
      const view = foldAll(history.events);
      const last = history.counting.findLast((event) => typeOf(event) !== 'task.setup.done');
      expect(view === null).toBe(hasEnded(history));
      if (view === null) return;
      expect(view).toMatchObject({ course: history.course, headSeq: last?.seq });
      expect([view.course.vmHost, null]).toContain(vmOf(view)?.host ?? null);
    },
  );
});

test('a task goes from its queue over its setup to its run, each since its event', () => {
  const steps = [sample.created(task), sample.vmReady(task, { vm }), sample.setupDone(task)];
  expect(fold(...steps.slice(0, 1))).toMatchObject({ phase: { name: 'queue', sinceMs: 0 }, headSeq: 1 });
  expect(fold(...steps.slice(0, 2))).toMatchObject({
    phase: { name: 'setup', sinceMs: 1_000, vm: { id: vm, host: 'host-1' } },
    headSeq: 2,
  });
  expect(fold(...steps)).toMatchObject({ phase: { name: 'run', sinceMs: 2_000 }, headSeq: 2, createdMs: 0 });
});

test('a resumption moves the head and no deadline', () => {
  const view = fold(sample.created(task), sample.vmReady(task, { vm }), sample.resumed(task, vm));
  expect(view).toMatchObject({ phase: { name: 'setup', sinceMs: 1_000 }, headSeq: 3 });
});

test('between two attempts a task has no VM, and the next attempt is its own', () => {
  const notBefore = new Date(9_000).toISOString();
  const view = fold(sample.created(task), sample.vmReady(task, { vm }), sample.retrying(task, { vm, notBefore }));
  expect(view).toMatchObject({
    attempt: 2,
    headSeq: 3,
    phase: { name: 'retry', sinceMs: 9_000 },
  });
});

test('a cancelling remembers the VM, if there is one', () => {
  expect(fold(sample.created(task), sample.cancelling(task, {}, 'any'))).toMatchObject({
    phase: { name: 'cancelling', vm: null },
  });
  const view = fold(sample.created(task), sample.vmReady(task, { vm }), sample.cancelling(task));
  expect(view).toMatchObject({ phase: { name: 'cancelling', sinceMs: 2_000, vm: { id: vm } }, headSeq: 3 });
});

test('with its end a task is over, whatever is said afterwards', () => {
  const end = [sample.created(task), sample.vmReady(task, { vm }), sample.completed(task, { vm })];
  expect(fold(...end)).toBe(null);
  expect(fold(...end, sample.vmReady(task), sample.completed(task, { outcome: 'failed' }))).toBe(null);
});

test('what is said of a task that the log has forgotten is passed over', () => {
  expect(fold(sample.vmGone(vm, { task }))).toBe(null);
  expect(fold(sample.vmReady(task))).toBe(null);
});

test('an end that somebody reports before the task is there does not end it', () => {
  const early = sample.completed(task, { vm }, 'host-2');
  expect(fold(early)).toBe(null);
  expect(fold(early, sample.created(task))).toMatchObject({ phase: { name: 'queue', sinceMs: 1_000 } });
});

test('of an event of a newer version the host that it names is known, and no deadline but the last', () => {
  const created = storedAt(sample.created(task), 0);
  const ready = asNewer(storedAt(sample.vmReady(task, { vm }, 'host-2'), 1));
  const view = foldAll([created, ready]);
  expect(view).toMatchObject({ phase: { name: 'unknown', vm: null }, course: { vmHost: 'host-2' }, headSeq: 2 });
  const done = storedAt(sample.setupDone(task, {}, 'host-2'), 2);
  expect(foldTask(view, asNewer(done))).toMatchObject({ headSeq: 2 });
  const retrying = storedAt(sample.retrying(task, { vm }, 'host-2'), 2);
  const again = storedAt(sample.vmReady(task, { vm }, 'host-1'), 3);
  expect(foldAll([created, ready, asNewer(retrying), again])).toMatchObject({
    phase: { name: 'setup', vm: { id: vm, host: 'host-1' } },
  });
});
