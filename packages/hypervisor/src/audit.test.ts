import type { Draft, Stored } from '@vm-task/shared/events';
import { completed, retrying, sampleTask, sampleVm, vmReady } from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { type AuditedVm, compare, taskLog } from './audit.ts';

const now = new Date();
const before = (ms: number) => new Date(now.getTime() - ms);
const vm = (state: AuditedVm['state'], facts: Partial<AuditedVm> = {}): AuditedVm => ({
  state,
  isAlive: true,
  isCreatorAlive: true,
  standing: null,
  ...facts,
});
const over = (at: Date) => ({ kind: 'over', at }) as const;

test('warm VMs, live tasks, VMs being made and VMs just being removed are no leaks', () => {
  const vms = [
    vm(warmVm()),
    vm(creatingVm()),
    vm(claimedVm(), { standing: { kind: 'live' } }),
    vm(claimedVm(), { standing: over(before(29_000)) }),
    vm(endingVm(null, before(29_000))),
  ];
  expect(compare(vms, [], now)).toEqual({ vms: 5, leaked: [], missing: [] });
});

test.each([
  ['whose task is over for a while', vm(claimedVm(), { standing: over(before(31_000)) })],
  ['whose task nobody knows', vm(claimedVm(), { standing: { kind: 'unknown' } })],
  ['whose removal came to nothing', vm(endingVm(null, before(31_000)))],
  ['whose maker has died', vm(creatingVm(), { isCreatorAlive: false })],
])('a VM %s has leaked', (_, audited) => {
  const { leaked, missing } = compare([audited], [], now);
  expect(leaked).toMatchObject([{ kind: 'vm', id: audited.state.record.vm, pool: 'default' }]);
  expect(missing).toEqual([]);
});

test('an attempt is over when its task is, and when another one follows', async () => {
  const task = sampleTask();
  const standing = async (head: Draft | null, attempt: number) =>
    (await taskLog({ head: async () => head && ({ ...head, time: now } as Stored) }).standingOf(spine, attempt)).kind;
  const spine = { pool: 'default', task };
  expect(await standing(null, 1)).toBe('unknown');
  expect(await standing(vmReady(task), 1)).toBe('live');
  expect(await standing(retrying(task), 1)).toBe('over');
  expect(await standing(retrying(task), 2)).toBe('live');
  expect(await standing(vmReady(task, { attempt: 2 }), 1)).toBe('over');
  expect(await standing(completed(task), 1)).toBe('over');
});

test('what is in no ledger has leaked', () => {
  const stray = { kind: 'process', pid: 4242, startTicks: 1, vm: sampleVm() } as const;
  expect(compare([], [stray], now).leaked).toEqual([
    { kind: 'process', id: stray.vm, pool: null, task: null, why: 'process 4242 is in no ledger' },
  ]);
});

test('a VM that should run and does not is missing', () => {
  const claimed = claimedVm();
  const { missing } = compare(
    [vm(claimed, { isAlive: false, standing: { kind: 'live' } }), vm(warmVm(), { isAlive: false })],
    [],
    now,
  );
  expect(missing).toMatchObject([{ task: claimed.claim.task }, { task: null }]);
});
