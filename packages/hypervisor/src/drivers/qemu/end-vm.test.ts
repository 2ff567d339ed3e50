import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lendLedgerVms } from '@vm-task/testing/ledger-vms';
import { sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { takenSlots } from '../../ledger/slots.ts';

const isThere = (pid: number) => existsSync(`/proc/${pid}`);

test('nothing of a VM is left, and removing it again is no error', async () => {
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const { vm, pid } = await lent.make({ task: sampleTask() });
  await hypervisor.end(vm, 'over');
  expect(isThere(pid)).toBe(false);
  expect(readdirSync(home.vm(vm).root).sort()).toEqual([
    'claim.json',
    'console.log',
    'ended.json',
    'ready.json',
    'vm.json',
  ]);
  expect(await takenSlots(home)).toHaveLength(2);
  await hypervisor.destroy(vm, 'over');
  await hypervisor.destroy(vm, 'over');
  expect(readdirSync(home.vms)).toEqual([]);
  expect(await takenSlots(home)).toEqual([]);
});

test('what cannot be removed is in quarantine: with the reason, its slots kept, and only until it can be', async () => {
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const { vm, pid } = await lent.make();
  const stuck = join(home.vm(vm).run, 'apart', 'stuck');
  lent.nail(stuck);
  await expect(hypervisor.destroy(vm, 'over')).rejects.toMatchObject({ code: 'vm-not-gone' });
  expect(isThere(pid)).toBe(false);
  const first = await hypervisor.find(vm);
  expect(first).toMatchObject({ phase: 'ending', ended: { reason: 'over' }, quarantine: { tries: 1 } });
  await expect(hypervisor.destroy(vm, 'again')).rejects.toMatchObject({ message: expect.stringContaining(stuck) });
  const second = await hypervisor.find(vm);
  expect(second).toMatchObject({ ended: { reason: 'over' }, quarantine: { tries: 2 } });
  expect(await takenSlots(home)).toHaveLength(2);
  expect(await hypervisor.strays()).toEqual([]);
  lent.letGo(stuck);
  await hypervisor.destroy(vm, 'at last');
  expect(await hypervisor.find(vm)).toBeNull();
  expect(await takenSlots(home)).toEqual([]);
});

test('a folder that cannot be written to does not keep its processes alive', async () => {
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const { vm, pid } = await lent.make();
  lent.nail(home.vm(vm).root);
  await expect(hypervisor.destroy(vm, 'over')).rejects.toMatchObject({ code: 'vm-not-gone' });
  expect(isThere(pid)).toBe(false);
});
