import type { Connection } from '@vm-task/bus/connection';
import type { Missing } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { Draft, Stored } from '@vm-task/shared/events';
import { completed, retrying, sampleTask, sampleVm, vmReady } from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { type AuditedVm, compare, type Look, taskLog } from './audit.ts';

const now = new Date();
const before = (ms: number) => new Date(now.getTime() - ms);
const vm = (state: AuditedVm['state'], facts: Partial<AuditedVm> = {}): AuditedVm => ({
  state,
  missing: [],
  isOverdue: false,
  isRemovalLate: false,
  isCreatorAlive: true,
  status: null,
  ...facts,
});
const compareAll = (look: Partial<Look>) => compare({ vms: [], strays: [], unknown: [], unreadable: [], now, ...look });
const over = (at: Date) => ({ kind: 'over', at }) as const;

test('warm VMs, live tasks, VMs being made and VMs just being removed are no leaks', () => {
  const vms = [
    vm(warmVm()),
    vm(creatingVm()),
    vm(claimedVm(), { status: { kind: 'live' } }),
    vm(claimedVm(), { status: over(before(29_000)) }),
    vm(claimedVm(), { status: { kind: 'elsewhere', vm: sampleVm(), at: before(29_000) } }),
    vm(endingVm(null, 29_000)),
  ];
  expect(compareAll({ vms })).toEqual({ vms: 6, leaked: [], missing: [], untold: [], unreadable: [] });
});

test.each([
  ['whose task is over for a while', vm(claimedVm(), { status: over(before(31_000)) })],
  ['whose task nobody knows', vm(claimedVm(), { status: { kind: 'unknown' } })],
  ['whose task has another VM', vm(claimedVm(), { status: { kind: 'elsewhere', vm: sampleVm(), at: before(31_000) } })],
  ['whose removal came to nothing', vm(endingVm(null, 31_000), { isRemovalLate: true })],
  ['whose maker has died', vm(creatingVm(), { isCreatorAlive: false })],
])('a VM %s has leaked', (_, audited) => {
  const { leaked, missing } = compareAll({ vms: [audited] });
  expect(leaked).toMatchObject([{ kind: 'vm', id: audited.state.record.vm, pool: 'default' }]);
  expect(missing).toEqual([]);
});

test('a VM that nobody ended at its deadline has leaked, and so has one in quarantine, each with its own reason', () => {
  const left = [{ kind: 'process' as const, what: '4711', why: 'still in state D' }];
  const since = '2026-01-01T00:00:00.000Z';
  const nextTry = deadlineFrom(Date.parse('2026-01-01T00:01:00.000Z'), 0);
  const quarantine = { since, tries: 2, left, nextTry };
  const stuck: AuditedVm['state'] = { ...endingVm(null, 1_000), quarantine };
  const { leaked } = compareAll({ vms: [vm(warmVm(), { isOverdue: true }), vm(stuck)] });
  expect(leaked.map(({ why }) => why)).toEqual([
    expect.stringMatching(/^its deadline was .*Z, and no reaper has ended it$/),
    'it could not be removed since 2026-01-01T00:00:00.000Z, in 2 tries: process 4711: still in state D; once that is repaired it goes by itself, at 2026-01-01T00:01:00.000Z or after',
  ]);
});

test('an attempt is over when its task is, and when another one follows', async () => {
  const task = sampleTask();
  const own = sampleVm();
  const status = async (head: Draft | null, attempt: number) => {
    const bus = { head: async () => head && ({ ...head, time: now } as Stored), now: async () => now };
    return (await taskLog({ ...bus, connection: {} as Connection }, 'host-1').attemptStatusOf(taskKey, attempt, own))
      .kind;
  };
  const taskKey = { pool: 'default', task };
  expect(await status(null, 1)).toBe('unknown');
  expect(await status(vmReady(task, { vm: own }), 1)).toBe('live');
  expect(await status(vmReady(task), 1)).toBe('elsewhere');
  expect(await status(retrying(task), 1)).toBe('over');
  expect(await status(retrying(task), 2)).toBe('live');
  expect(await status(vmReady(task, { attempt: 2 }), 1)).toBe('over');
  expect(await status(completed(task), 1)).toBe('over');
});

test('what is in no ledger has leaked', () => {
  const stray = { kind: 'process', pid: 4242, startTicks: 1, vm: sampleVm() } as const;
  expect(compareAll({ strays: [stray] }).leaked).toEqual([
    { kind: 'process', id: stray.vm, pool: null, task: null, why: 'process 4242 is in no ledger' },
  ]);
});

test('a VM that lacks a part of what it has by its record is missing, with each part named', () => {
  const claimed = claimedVm();
  const ended: Missing[] = [{ kind: 'process', why: 'its process has ended' }];
  const slot: Missing = { kind: 'slot', why: 'the slot 3 is no longer its own' };
  const vms = [vm(claimed, { missing: ended, status: { kind: 'live' } }), vm(warmVm(), { missing: [...ended, slot] })];
  const { missing } = compareAll({ vms });
  expect(missing).toMatchObject([
    { task: claimed.claim.task, why: 'its process has ended' },
    { task: null, why: 'its process has ended; the slot 3 is no longer its own' },
  ]);
});

test('a VM that the log names and the ledger does not know is missing while its task is live, and then untold', () => {
  const named = { vm: sampleVm(), pool: 'default', task: sampleTask(), attempt: 1 };
  const { leaked, missing, untold } = compareAll({
    unknown: [
      { named, status: { kind: 'live' } },
      { named, status: over(before(1_000)) },
    ],
  });
  expect(leaked).toEqual([]);
  expect(missing).toMatchObject([
    { id: named.vm, task: named.task, why: expect.stringMatching(/^the log has its task at work in it/) },
  ]);
  expect(untold).toMatchObject([
    { id: named.vm, task: named.task, why: expect.stringMatching(/^the log never says that it is gone/) },
  ]);
});

test('a VM with an unreadable record is neither leaked nor missing, and named with its file', () => {
  const why = '/home/vms/vm-1/vm.json is not of the form that this version writes';
  const found = compareAll({ unreadable: [{ vm: sampleVm(), why }] });
  expect(found).toMatchObject({ leaked: [], missing: [], unreadable: [{ kind: 'vm', why }] });
});
