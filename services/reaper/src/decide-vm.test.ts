import type { Missing } from '@vm-task/hypervisor/hypervisor';
import type { Draft, Stored } from '@vm-task/shared/events';
import * as sample from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { claimStatusOf, decideVm, type VmFacts } from './decide-vm.ts';

const missing: Missing[] = [{ kind: 'process', why: 'its process has ended' }];
const patience = { sweepMs: 5_000, orphanGraceMs: 30_000 };
const decide = (state: VmFacts['state'], facts: Partial<VmFacts> = {}) =>
  decideVm({ state, missing: [], isResting: false, isCreatorAlive: true, claimStatus: null, ...facts }, patience);

test('what is as it should be is kept', () => {
  expect(decide(creatingVm())).toEqual({ kind: 'keep' });
  expect(decide(warmVm())).toEqual({ kind: 'keep' });
  expect(decide(claimedVm(), { claimStatus: 'live' })).toEqual({ kind: 'keep' });
  expect(decide(claimedVm(), { claimStatus: 'kept' })).toEqual({ kind: 'keep' });
});

test('a VM whose maker has died goes at once', () => {
  expect(decide(creatingVm(), { isCreatorAlive: false })).toMatchObject({ kind: 'remove', afterMs: 0 });
});

test('a VM whose task is over goes after one more look', () => {
  expect(decide(claimedVm(), { claimStatus: 'over' })).toMatchObject({ kind: 'remove', afterMs: 5_000 });
});

test('what may be a misunderstanding goes after the grace', () => {
  const afterMs = 30_000;
  expect(decide(warmVm(), { missing })).toMatchObject({ kind: 'remove', afterMs });
  expect(decide(claimedVm(), { claimStatus: 'elsewhere' })).toMatchObject({ kind: 'remove', afterMs });
  expect(decide(endingVm(null, 0))).toMatchObject({ kind: 'remove', afterMs });
});

test('a VM in quarantine is left alone until its next try, but a task that counts on it is not', () => {
  const { claim } = claimedVm();
  expect(decide(endingVm(null, 0), { isResting: true })).toEqual({ kind: 'keep' });
  expect(decide(endingVm(claim, 0), { isResting: true, claimStatus: 'over' })).toEqual({ kind: 'keep' });
  expect(decide(endingVm(claim, 0), { isResting: true, claimStatus: 'live' })).toMatchObject({ kind: 'lost' });
});

test("a dead VM of a live task is its runner's to notice, for so long", () => {
  const { claim } = claimedVm();
  expect(decide(claimedVm(), { claimStatus: 'live', missing })).toMatchObject({ kind: 'lost', afterMs: 30_000 });
  expect(decide(endingVm(claim, 0), { claimStatus: 'live' })).toMatchObject({ kind: 'lost', afterMs: 30_000 });
});

test('the last event of the task tells how a claim stands', () => {
  const { claim, record } = claimedVm();
  const claimStatus = (draft: Draft | null) => claimStatusOf(claim, record.vm, draft as Stored | null);
  const { task } = claim;
  expect(claimStatus(sample.created(task))).toBe('live');
  expect(claimStatus(sample.vmReady(task, { vm: record.vm }))).toBe('live');
  expect(claimStatus(sample.resumed(task, record.vm))).toBe('live');
  expect(claimStatus(sample.cancelling(task))).toBe('live');
  expect(claimStatus(sample.vmReady(task))).toBe('elsewhere');
  expect(claimStatus(sample.vmReady(task, { vm: record.vm, attempt: 2 }))).toBe('over');
  expect(claimStatus(sample.retrying(task))).toBe('over');
  expect(claimStatus(sample.cancelling(task, { attempt: 2 }))).toBe('over');
  expect(claimStatus(sample.completed(task))).toBe('over');
  expect(claimStatus(null)).toBe('over');
  const next = { ...claim, attempt: 2 };
  expect(claimStatusOf(next, record.vm, sample.retrying(task) as Stored)).toBe('live');
});
