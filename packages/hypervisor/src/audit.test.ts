import type { Draft, Stored } from '@vm-task/shared/events';
import { completed, retrying, sampleTask, sampleVm, vmReady } from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { type AuditedVm, compare, taskLog } from './audit.ts';
import type { Missing } from './hypervisor.ts';
import { deadlineFrom } from './ledger/deadline.ts';

const now = new Date();
const before = (ms: number) => new Date(now.getTime() - ms);
const vm = (state: AuditedVm['state'], facts: Partial<AuditedVm> = {}): AuditedVm => ({
  state,
  missing: [],
  isOverdue: false,
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

test('a VM that nobody ended at its deadline has leaked, and so has one in quarantine, each with its own reason', () => {
  const left = [{ kind: 'process' as const, what: '4711', why: 'still in state D' }];
  const since = '2026-01-01T00:00:00.000Z';
  const nextTry = deadlineFrom(Date.parse('2026-01-01T00:01:00.000Z'), 0);
  const quarantine = { since, tries: 2, left, nextTry };
  const stuck: AuditedVm['state'] = { ...endingVm(null, before(1_000)), quarantine };
  const { leaked } = compare([vm(warmVm(), { isOverdue: true }), vm(stuck)], [], now);
  expect(leaked.map(({ why }) => why)).toEqual([
    expect.stringMatching(/^its deadline was .*Z, and no reaper has ended it$/),
    'it could not be removed since 2026-01-01T00:00:00.000Z, in 2 tries: process 4711: still in state D; once that is repaired it goes by itself, at 2026-01-01T00:01:00.000Z or after',
  ]);
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

test('a VM that lacks a part of what it has by its record is missing, with each part named', () => {
  const claimed = claimedVm();
  const ended: Missing[] = [{ kind: 'process', why: 'its process has ended' }];
  const slot: Missing = { kind: 'slot', why: 'the slot 3 is no longer its own' };
  const { missing } = compare(
    [vm(claimed, { missing: ended, standing: { kind: 'live' } }), vm(warmVm(), { missing: [...ended, slot] })],
    [],
    now,
  );
  expect(missing).toMatchObject([
    { task: claimed.claim.task, why: 'its process has ended' },
    { task: null, why: 'its process has ended; the slot 3 is no longer its own' },
  ]);
});
