import { sampleVm } from '@vm-task/testing/sample-events';
import { claimedVm, creatingVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { type AuditedVm, compare } from './audit.ts';

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
