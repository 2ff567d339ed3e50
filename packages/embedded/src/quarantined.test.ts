import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '@vm-task/service/config';
import { readEnvironment } from '@vm-task/shared/environment';
import { lendLedgerVms } from '@vm-task/testing/ledger-vms';
import { expect, test } from 'vitest';
import { quarantinedVms, unreadableVms } from './quarantined.ts';
import { destroyVms } from './stop.ts';

test('one VM that cannot be removed holds up no other, and is shown with what is left of it', async () => {
  await using lent = await lendLedgerVms();
  const [environment, config] = [readEnvironment(lent.home.root), parseConfig('', 'test')];
  const stuck = await lent.make();
  await lent.make();
  const nailed = join(lent.home.vm(stuck.vm).run, 'apart', 'nailed');
  lent.nail(nailed);
  await expect(destroyVms(environment, config)).rejects.toMatchObject({ code: 'vm-not-gone' });
  expect(await lent.hypervisor.list()).toHaveLength(1);
  const shown = await quarantinedVms(environment, config);
  expect(shown).toMatchObject([{ vm: stuck.vm, pool: 'default', tries: 1, left: expect.stringContaining(nailed) }]);
  lent.letGo(nailed);
  expect(await destroyVms(environment, config)).toBe(1);
  expect(await quarantinedVms(environment, config)).toEqual([]);
});

test('a VM whose record cannot be read holds up no other, is shown with its file, and fails the end of the system', async () => {
  await using lent = await lendLedgerVms();
  const [environment, config] = [readEnvironment(lent.home.root), parseConfig('', 'test')];
  const future = await lent.make();
  await lent.make();
  const { record } = lent.home.vm(future.vm);
  writeFileSync(record, '{"version":2}');
  await expect(destroyVms(environment, config)).rejects.toMatchObject({ code: 'ledger-unreadable' });
  expect(await lent.hypervisor.list()).toEqual([]);
  expect(await unreadableVms(environment, config)).toEqual([{ vm: future.vm, why: expect.stringContaining(record) }]);
  expect(await lent.hypervisor.strays()).toEqual([]);
});
