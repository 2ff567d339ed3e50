import type { Missing } from '@vm-task/hypervisor/hypervisor';
import type { Draft, Stored } from '@vm-task/shared/events';
import * as sample from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { judgeVm, standingOf, type VmFacts } from './judge-vm.ts';

const missing: Missing[] = [{ kind: 'process', why: 'its process has ended' }];
const patience = { sweepMs: 5_000, orphanGraceMs: 30_000 };
const judge = (state: VmFacts['state'], facts: Partial<VmFacts> = {}) =>
  judgeVm({ state, missing: [], isResting: false, isCreatorAlive: true, standing: null, ...facts }, patience);

test('what is as it should be is kept', () => {
  expect(judge(creatingVm())).toEqual({ kind: 'keep' });
  expect(judge(warmVm())).toEqual({ kind: 'keep' });
  expect(judge(claimedVm(), { standing: 'live' })).toEqual({ kind: 'keep' });
  expect(judge(claimedVm(), { standing: 'kept' })).toEqual({ kind: 'keep' });
});

test('a VM whose maker has died goes at once', () => {
  expect(judge(creatingVm(), { isCreatorAlive: false })).toMatchObject({ kind: 'remove', afterMs: 0 });
});

test('a VM whose task is over goes after one more look', () => {
  expect(judge(claimedVm(), { standing: 'over' })).toMatchObject({ kind: 'remove', afterMs: 5_000 });
});

test('what may be a misunderstanding goes after the grace', () => {
  const afterMs = 30_000;
  expect(judge(warmVm(), { missing })).toMatchObject({ kind: 'remove', afterMs });
  expect(judge(claimedVm(), { standing: 'elsewhere' })).toMatchObject({ kind: 'remove', afterMs });
  expect(judge(endingVm(null, 0))).toMatchObject({ kind: 'remove', afterMs });
});

test('a VM in quarantine is left alone until its next try, but a task that counts on it is not', () => {
  const { claim } = claimedVm();
  expect(judge(endingVm(null, 0), { isResting: true })).toEqual({ kind: 'keep' });
  expect(judge(endingVm(claim, 0), { isResting: true, standing: 'over' })).toEqual({ kind: 'keep' });
  expect(judge(endingVm(claim, 0), { isResting: true, standing: 'live' })).toMatchObject({ kind: 'lost' });
});

test("a dead VM of a live task is its runner's to notice, for so long", () => {
  const { claim } = claimedVm();
  expect(judge(claimedVm(), { standing: 'live', missing })).toMatchObject({ kind: 'lost', afterMs: 30_000 });
  expect(judge(endingVm(claim, 0), { standing: 'live' })).toMatchObject({ kind: 'lost', afterMs: 30_000 });
});

test('the last event of the task tells how a claim stands', () => {
  const { claim, record } = claimedVm();
  const standing = (draft: Draft | null) => standingOf(claim, record.vm, draft as Stored | null);
  const { task } = claim;
  expect(standing(sample.created(task))).toBe('live');
  expect(standing(sample.vmReady(task, { vm: record.vm }))).toBe('live');
  expect(standing(sample.resumed(task, record.vm))).toBe('live');
  expect(standing(sample.cancelling(task))).toBe('live');
  expect(standing(sample.vmReady(task))).toBe('elsewhere');
  expect(standing(sample.vmReady(task, { vm: record.vm, attempt: 2 }))).toBe('over');
  expect(standing(sample.retrying(task))).toBe('over');
  expect(standing(sample.cancelling(task, { attempt: 2 }))).toBe('over');
  expect(standing(sample.completed(task))).toBe('over');
  expect(standing(null)).toBe('over');
  const next = { ...claim, attempt: 2 };
  expect(standingOf(next, record.vm, sample.retrying(task) as Stored)).toBe('live');
});
