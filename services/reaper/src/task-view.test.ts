import type { Draft, Stored } from '@vm-task/shared/events';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { foldTask, type TaskView } from './task-view.ts';

const task = sample.sampleTask();
const vm = sample.sampleVm();

/** Stored one second apart, with sequences from 1 on. */
function fold(...drafts: Draft[]): TaskView | null {
  let view: TaskView | null = null;
  for (const [index, draft] of drafts.entries()) {
    view = foldTask(view, { ...draft, seq: index + 1, time: new Date(index * 1_000) } as Stored);
  }
  return view;
}

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
  expect(view).toMatchObject({ attempt: 2, headSeq: 3, vms: [vm], phase: { name: 'retry', sinceMs: 9_000 } });
});

test('a cancelling remembers the VM, if there is one', () => {
  expect(fold(sample.created(task), sample.cancelling(task))).toMatchObject({
    phase: { name: 'cancelling', vm: null },
  });
  const view = fold(sample.created(task), sample.vmReady(task, { vm }), sample.cancelling(task));
  expect(view).toMatchObject({ phase: { name: 'cancelling', sinceMs: 2_000, vm: { id: vm } }, headSeq: 3 });
});

test('the first ending is the one that counts, and every VM is remembered', () => {
  const other = sample.sampleVm();
  const view = fold(
    sample.created(task),
    sample.vmReady(task, { vm }),
    sample.completed(task, { vm }),
    sample.completed(task, { outcome: 'failed' }),
    sample.vmGone(other, { task }),
    sample.vmGone(vm, { task }),
  );
  expect(view).toEqual({ kind: 'ended', pool: 'default', task, partOf: null, vms: [vm, other], endedMs: 2_000 });
});

test('a VM that is kept is forgotten with whoever had it last', () => {
  const spec = { ...sample.sampleSpec, keep: { pipeline: sample.samplePipeline(), stage: 'build' } };
  const steps = [sample.created(task, { spec }), sample.vmReady(task, { vm }), sample.completed(task, { vm })];
  expect(fold(...steps)).toMatchObject({ kind: 'ended', vms: [] });
  expect(fold(...steps, sample.vmGone(vm, { task }))).toMatchObject({ kind: 'ended', vms: [vm] });
});

test('what is said of a task that the log has forgotten is passed over', () => {
  expect(fold(sample.vmGone(vm, { task }))).toBe(null);
  expect(fold(sample.vmReady(task))).toBe(null);
});
